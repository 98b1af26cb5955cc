"""Reads TypeScript with a real parser, and tells what its imports, calls and literals say."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BOM = b"\xef\xbb\xbf"
_SUFFIXES = {".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".jsx"}
_WITH_JSX = {".tsx", ".jsx", ".js", ".mjs"}
_SKIPPED_FOLDERS = {"node_modules", "dist", "build", "out", "coverage"}
_PG_CORE = "drizzle-orm/pg-core"
_BINDERS = {
    "variable_declarator",
    "function_declaration",
    "class_declaration",
    "required_parameter",
    "enum_declaration",
}

_TYPESCRIPT = Language(tree_sitter_typescript.language_typescript())
_TSX = Language(tree_sitter_typescript.language_tsx())


@dataclass(frozen=True)
class Specifier:
    """One name in the braces of an import, or of a parameter that takes its argument apart."""

    node: Node
    imported: str
    local: str


@dataclass(frozen=True)
class Import:
    """An import of values (an `import type` is none)."""

    node: Node
    module: str
    braces: Node | None
    specifiers: tuple[Specifier, ...]
    namespace: str | None


@dataclass(frozen=True)
class Method:
    """One call in a chain of them."""

    node: Node
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Call:
    """A column's value, `integer('cms_id').unique()`, taken apart."""

    callee: Node
    arguments: tuple[Node, ...]
    methods: tuple[Method, ...]


@dataclass
class TypeScript:
    """A parsed file. Byte offsets of its nodes count from behind the byte order mark."""

    path: Path
    content: bytes
    bom: bytes
    body: bytes
    root: Node
    imports: list[Import] = field(default_factory=list)
    strings: dict[str, str] = field(default_factory=dict)
    values: dict[str, Node] = field(default_factory=dict)
    """What each top-level constant is set to."""

    @property
    def syntax_error(self) -> tuple[int, int] | None:
        """Line and column, from 1, of the first place that is no TypeScript."""
        if not self.root.has_error:
            return None
        node = self.root
        while not (node.is_error or node.is_missing):
            node = next(child for child in node.children if child.has_error or child.is_missing)
        return node.start_point.row + 1, node.start_point.column + 1

    @property
    def names(self) -> set[str]:
        """Every name the file binds by itself, wherever."""
        bound = set()
        for node in walk(self.root):
            if node.type in _BINDERS:
                name = node.child_by_field_name("name") or node.child_by_field_name("pattern")
                if name is not None:
                    bound |= {text_of(leaf) for leaf in walk(name) if leaf.child_count == 0}
        return bound


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, in the order of the text."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(current.children))


def parse(path: Path, content: bytes) -> TypeScript:
    """Parses a file, whatever it holds: `syntax_error` of the result says whether it is TypeScript.

    Args:
        path: where the content is from; its suffix says which dialect it is.
        content: the file as it is on disk.
    """
    bom = _BOM if content.startswith(_BOM) else b""
    body = content[len(bom) :]
    tree = Parser(_TSX if path.suffix in _WITH_JSX else _TYPESCRIPT).parse(body)
    file = TypeScript(path, content, bom, body, tree.root_node)
    for statement in tree.root_node.children:
        if statement.type == "import_statement":
            found = _import(statement)
            if found is not None:
                file.imports.append(found)
        for declarator in _constants(statement):
            name, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
            if name is not None and value is not None and name.type == "identifier":
                file.values[text_of(name)] = value
                string = string_value(value)
                if string is not None:
                    file.strings[text_of(name)] = string
    return file


def source_files(sources: Sequence[Path]) -> list[Path]:
    """Looks for TypeScript and JavaScript files.

    Args:
        sources: files, or folders to look through.

    Returns:
        The files, each once, links resolved. Declaration files (.d.ts), JavaScript beside the TypeScript that it was
        built from, hidden folders and folders of installed or built code are left out.
    """
    found: dict[Path, None] = {}
    for source in sources:
        if source.is_file():
            found[source.resolve()] = None
            continue
        for folder, folders, names in os.walk(source):
            folders[:] = sorted(f for f in folders if f not in _SKIPPED_FOLDERS and not f.startswith("."))
            for name in sorted(names):
                path = Path(folder, name)
                built = "js" in path.suffix and not {name[:-2] + "ts", name[:-2] + "tsx"}.isdisjoint(names)
                if path.suffix in _SUFFIXES and not re.search(r"\.d\.[cm]?ts$", name) and not built and path.is_file():
                    found[path.resolve()] = None
    return list(found)


def call_of(node: Node) -> Call | None:
    """Takes a chain of calls apart; None for anything else."""
    methods: list[Method] = []
    node = unwrap(node)
    while node.type == "call_expression":
        callee = node.child_by_field_name("function")
        if callee is None:
            return None
        inner = callee.child_by_field_name("object") if callee.type == "member_expression" else None
        if inner is not None and unwrap(inner).type == "call_expression":
            methods.append(Method(node, text_of(callee.child_by_field_name("property")), arguments_of(node)))
            node = unwrap(inner)
            continue
        return Call(callee, arguments_of(node), tuple(reversed(methods)))
    return None


def string_value(node: Node) -> str | None:
    """The text of a string literal, or of a template without anything to fill in; None for anything else."""
    node = unwrap(node)
    if node.type not in ("string", "template_string"):
        return None
    if any(child.type == "template_substitution" for child in node.children):
        return None
    return "".join(
        _escape(text_of(child)) if child.type == "escape_sequence" else text_of(child) for child in node.children[1:-1]
    )


def unwrap(node: Node) -> Node:
    """The expression inside parentheses and type assertions."""
    while node.type in ("parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression"):
        inner = next((child for child in node.named_children if child.type != "comment"), None)
        if inner is None:
            break
        node = inner
    return node


def _import(statement: Node) -> Import | None:
    source = statement.child_by_field_name("source")
    clause = next((child for child in statement.children if child.type == "import_clause"), None)
    module = string_value(source) if source is not None else None
    if clause is None or module is None or any(child.type == "type" for child in statement.children):
        return None
    braces = next((child for child in clause.children if child.type == "named_imports"), None)
    star = next((child for child in clause.children if child.type == "namespace_import"), None)
    specifiers = []
    for node in braces.named_children if braces is not None else ():
        name, alias = node.child_by_field_name("name"), node.child_by_field_name("alias")
        if node.type == "import_specifier" and not any(child.type == "type" for child in node.children):
            specifiers.append(Specifier(node, text_of(name), text_of(alias or name)))
    return Import(statement, module, braces, tuple(specifiers), text_of(star.named_children[0]) if star else None)


def is_pg_core(module: str) -> bool:
    """Whether a module is Drizzle's own for PostgreSQL."""
    return module == _PG_CORE


def _constants(statement: Node) -> list[Node]:
    if statement.type == "export_statement":
        declaration = statement.child_by_field_name("declaration")
        if declaration is None:
            return []
        statement = declaration
    if statement.type not in ("lexical_declaration", "variable_declaration"):
        return []
    return [child for child in statement.named_children if child.type == "variable_declarator"]


def arguments_of(call: Node) -> tuple[Node, ...]:
    """The arguments of a call."""
    arguments = call.child_by_field_name("arguments")
    if arguments is None:
        return ()
    return tuple(child for child in arguments.named_children if child.type != "comment")


def _escape(sequence: str) -> str:
    match = re.fullmatch(r"\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", sequence, re.DOTALL)
    if match is None:
        return ""
    code = match[1] or match[2] or match[3]
    if code:
        return chr(int(code, 16))
    return {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}.get(
        match[4], match[4]
    )


def text_of(node: Node | None) -> str:
    """The source text of a node; empty for none."""
    return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")
