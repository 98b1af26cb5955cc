"""Reads TypeScript with a real parser: what a file imports, what its constants are set to, what a literal says."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PG_CORE = "drizzle-orm/pg-core"
_BOM = b"\xef\xbb\xbf"
_SUFFIXES = {".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".jsx"}
_SKIPPED_FOLDERS = {"node_modules", "dist", "build", "out", "coverage"}
_BINDERS = [
    "variable_declarator",
    "function_declaration",
    "class_declaration",
    "required_parameter",
    "enum_declaration",
]
_WRAPPERS = ("parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression")
_NAMES = ("import_specifier", "pair_pattern", "shorthand_property_identifier_pattern")
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}

_TYPESCRIPT = Language(tree_sitter_typescript.language_typescript())
_WITH_JSX = dict.fromkeys([".tsx", ".jsx", ".js", ".mjs"], Language(tree_sitter_typescript.language_tsx()))


@dataclass(frozen=True)
class Specifier:
    """One name in the braces of an import, or of a parameter that takes its argument apart."""

    node: Node
    imported: str
    local: str


@dataclass(frozen=True)
class Import:
    """An import of values (not an `import type`)."""

    node: Node
    module: str
    braces: Node | None
    specifiers: tuple[Specifier, ...]
    namespace: str


class TypeScript:
    """A parsed file. Byte offsets of its nodes count from after the byte order mark."""

    def __init__(self, path: Path, content: bytes) -> None:
        """Parse it, whatever it holds: `syntax_error` says whether it is TypeScript."""
        self.path, self.content = path, content
        self.bom = _BOM if content.startswith(_BOM) else b""
        self.body = content[len(self.bom) :]
        self.root = Parser(_WITH_JSX.get(path.suffix, _TYPESCRIPT)).parse(self.body).root_node
        self.imports = [found for statement in self.root.children if (found := _import(statement))]
        constants = [one for statement in self.root.children for one in _constants(statement)]
        self.values = {text_of(name): value for name, value in constants if name and value}
        """What each top-level constant is set to."""

    @property
    def syntax_error(self) -> tuple[int, int] | None:
        """Line and column, from 1, of the first place that is not TypeScript."""
        if not self.root.has_error:
            return None
        node = self.root
        while not (node.is_error or node.is_missing):
            node = next(child for child in node.children if child.has_error or child.is_missing)
        return node.start_point.row + 1, node.start_point.column + 1

    @property
    def names(self) -> set[str]:
        """Every name the file binds, wherever."""
        binders = [node for node in walk(self.root) if node.type in _BINDERS]
        names = [part(node, "name") or part(node, "pattern") for node in binders]
        bound = {text_of(leaf) for name in names if name for leaf in walk(name) if leaf.child_count == 0}
        return bound | {specifier.local for one in self.imports for specifier in one.specifiers}

    def string(self, node: Node | None) -> str | None:
        """The value of a string literal, or of a constant set to one."""
        node = unwrap(node) if node is not None else None
        return string_value(self.values.get(text_of(node), node))


def source_files(sources: Sequence[Path]) -> list[Path]:
    """The TypeScript and JavaScript files in files and folders, each once, links resolved.

    Declaration files (.d.ts), JavaScript beside the TypeScript that it was built from, hidden folders and folders of
    installed or built code are left out.
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


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, in the order of the text."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(current.children))


def part(node: Node | None, field: str) -> Node | None:
    """What a node has in a field, without what is around it; None for nothing."""
    found = node.child_by_field_name(field) if node is not None else None
    return unwrap(found) if found is not None else None


def unwrap(node: Node) -> Node:
    """The expression inside parentheses and type assertions."""
    while node.type in _WRAPPERS:
        inner = next((child for child in node.named_children if child.type != "comment"), None)
        if inner is None:
            break
        node = inner
    return node


def text_of(node: Node | None) -> str:
    """The source text of a node; empty for none."""
    return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")


def arguments_of(call: Node) -> list[Node]:
    """The arguments of a call."""
    arguments = call.child_by_field_name("arguments")
    return [child for child in arguments.named_children if child.type != "comment"] if arguments else []


def calls_of(node: Node | None) -> list[Node]:
    """The calls of a chain, `integer('cms_id').unique()`, in the order they are made; none for anything else."""
    calls: list[Node] = []
    while node is not None and unwrap(node).type == "call_expression":
        calls.insert(0, unwrap(node))
        node = part(part(calls[0], "function"), "object")
    return calls


def string_value(node: Node | None) -> str | None:
    """The text of a string literal, or of a template without anything to fill in; None for anything else."""
    node = unwrap(node) if node is not None else None
    if node is None or node.type not in ("string", "template_string"):
        return None
    if any(child.type == "template_substitution" for child in node.children):
        return None
    return "".join(
        _ESCAPE.sub(_unescaped, text_of(child)) if child.type == "escape_sequence" else text_of(child)
        for child in node.children[1:-1]
    )


def names_in(braces: Node | None) -> tuple[Specifier, ...]:
    """The names in the braces of an import or of a parameter, without types."""
    found = []
    for node in braces.named_children if braces is not None else ():
        if node.type in _NAMES and not any(child.type == "type" for child in node.children):
            names = [child for child in node.named_children if child.type != "comment"] or [node]
            found.append(Specifier(node, text_of(names[0]), text_of(names[-1])))
    return tuple(found)


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    return chr(int(code, 16)) if code else _ESCAPED.get(match[4], match[4])


def _import(statement: Node) -> Import | None:
    module = string_value(part(statement, "source")) if statement.type == "import_statement" else None
    clause = next((child for child in statement.children if child.type == "import_clause"), None)
    if clause is None or module is None or any(child.type == "type" for child in statement.children):
        return None
    parts = {child.type: child for child in clause.children}
    braces, star = parts.get("named_imports"), parts.get("namespace_import")
    return Import(statement, module, braces, names_in(braces), text_of(star.named_children[0]) if star else "")


def _constants(statement: Node) -> list[tuple[Node | None, Node | None]]:
    """The names of constants that a statement declares, and what each is set to."""
    if statement.type == "export_statement":
        statement = statement.child_by_field_name("declaration") or statement
    if statement.type not in ("lexical_declaration", "variable_declaration"):
        return []
    children = [child for child in statement.named_children if child.type == "variable_declarator"]
    return [(part(child, "name"), part(child, "value")) for child in children]
