"""Reads table declarations out of TypeScript files, with a real parser."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

from driver.drizzle.casing import Casing

_BOM = b"\xef\xbb\xbf"
_SUFFIXES = {".ts", ".mts", ".cts", ".tsx"}
_SKIPPED_FOLDERS = {"node_modules", "dist", "build", "out", "coverage"}
_DRIZZLE = re.compile(rb"pgTable|pgSchema|\.\s*table\s*\(")
_PG_CORE = "drizzle-orm/pg-core"

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
class Factory:
    """Something that declares a table when called."""

    schema: str | None = None
    """The pgSchema its tables are in; None for the connection's own."""
    schema_known: bool = True
    prefix: str = ""
    suffix: str = ""
    name_known: bool = True
    """False where the name of its tables is worked out in a way that cannot be read here."""
    casing: Casing | None = None
    """Set where the factory brings a casing of its own."""


@dataclass(frozen=True)
class Call:
    """A column's value, `integer('cms_id').unique()`, taken apart."""

    callee: Node
    arguments: tuple[Node, ...]
    methods: tuple[tuple[str, tuple[Node, ...]], ...]


@dataclass(frozen=True)
class Column:
    """One column of a declaration."""

    node: Node
    key: str
    quote: str
    """The quote its key stands in; empty for none."""
    call: Call | None
    name: str | None
    """The column name it gives itself."""


@dataclass(frozen=True)
class Columns:
    """A declaration's columns, where they are written out in it."""

    node: Node
    columns: tuple[Column, ...]
    parameter: str | None = None
    """Name of the callback's parameter."""
    pattern: Node | None = None
    """The callback's parameter where it is taken apart in braces."""
    specifiers: tuple[Specifier, ...] = ()


@dataclass(frozen=True)
class Declaration:
    """A table declaration."""

    file: TypeScript
    node: Node
    table: str
    factory: Factory
    columns: Columns | None

    @property
    def line(self) -> int:
        """Line it begins on, from 1."""
        return self.node.start_point.row + 1


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
        kinds = {
            "variable_declarator",
            "function_declaration",
            "class_declaration",
            "required_parameter",
            "enum_declaration",
        }
        bound = set()
        for node in walk(self.root):
            if node.type in kinds:
                name = node.child_by_field_name("name") or node.child_by_field_name("pattern")
                if name is not None:
                    bound |= {_text(leaf) for leaf in walk(name) if leaf.child_count == 0}
        return bound


@dataclass(frozen=True)
class Reading:
    """What reading a set of files gave."""

    files: tuple[TypeScript, ...]
    declarations: tuple[Declaration, ...]
    unnamed: tuple[tuple[Path, int], ...]
    """Where tables are declared under a name only known at run time: file and line."""


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, in the order of the text."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(current.children))


def parse(path: Path, content: bytes) -> TypeScript:
    """
    Args:
        path: where the content is from; its suffix says which dialect it is.
        content: the file as it is on disk.
    """
    bom = _BOM if content.startswith(_BOM) else b""
    body = content[len(bom) :]
    tree = Parser(_TSX if path.suffix == ".tsx" else _TYPESCRIPT).parse(body)
    file = TypeScript(path, content, bom, body, tree.root_node)
    for statement in tree.root_node.children:
        if statement.type == "import_statement":
            found = _import(statement)
            if found is not None:
                file.imports.append(found)
        for declarator in _constants(statement):
            name, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
            if name is not None and value is not None and name.type == "identifier":
                file.values[_text(name)] = value
                string = string_value(value)
                if string is not None:
                    file.strings[_text(name)] = string
    return file


def source_files(sources: Sequence[Path]) -> list[Path]:
    """
    Args:
        sources: files, or folders to look through.

    Returns:
        The TypeScript files among them, each once, links resolved. Declaration files (.d.ts), hidden folders and folders
        of installed or built code are left out.
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
                if path.suffix in _SUFFIXES and not re.search(r"\.d\.[cm]?ts$", name) and path.is_file():
                    found[path.resolve()] = None
    return list(found)


def read(contents: Mapping[Path, bytes]) -> Reading:
    """
    Finds every table declaration in the files.

    Args:
        contents: TypeScript files and what they hold.
    """
    parsed = {path: parse(path, content) for path, content in contents.items() if _DRIZZLE.search(content)}
    factories, schemas = _exports(parsed.values())
    if factories or schemas:
        # Their users need not mention Drizzle at all.
        named = re.compile(rb"\b(?:" + b"|".join(re.escape(n.encode()) for n in [*factories, *schemas]) + rb")\b")
        parsed |= {p: parse(p, c) for p, c in contents.items() if p not in parsed and named.search(c)}
    files = tuple(parsed[path] for path in contents if path in parsed)
    declarations: list[Declaration] = []
    unnamed: list[tuple[Path, int]] = []
    for file in files:
        resolver = _Resolver(file, factories, schemas)
        for node in walk(file.root):
            callee = node.child_by_field_name("function") if node.type == "call_expression" else None
            factory = resolver.factory(callee) if callee is not None else None
            if factory is None:
                continue
            arguments = _arguments(node)
            name = resolver.string(arguments[0]) if arguments else None
            if name is None or not factory.name_known:
                unnamed.append((file.path, node.start_point.row + 1))
                continue
            columns = _columns(resolver, arguments[1]) if len(arguments) > 1 else None
            table = factory.prefix + name + factory.suffix
            declarations.append(Declaration(file, node, table, factory, columns))
    return Reading(files, tuple(declarations), tuple(unnamed))


def call_of(node: Node) -> Call | None:
    """Takes a chain of calls apart; None for anything else."""
    methods: list[tuple[str, tuple[Node, ...]]] = []
    node = unwrap(node)
    while node.type == "call_expression":
        callee = node.child_by_field_name("function")
        if callee is None:
            return None
        inner = callee.child_by_field_name("object") if callee.type == "member_expression" else None
        if inner is not None and unwrap(inner).type == "call_expression":
            methods.append((_text(callee.child_by_field_name("property")), _arguments(node)))
            node = unwrap(inner)
            continue
        return Call(callee, _arguments(node), tuple(reversed(methods)))
    return None


def string_value(node: Node) -> str | None:
    """The text of a string literal, or of a template without anything to fill in; None for anything else."""
    node = unwrap(node)
    if node.type not in ("string", "template_string"):
        return None
    if any(child.type == "template_substitution" for child in node.children):
        return None
    return "".join(
        _escape(_text(child)) if child.type == "escape_sequence" else _text(child) for child in node.children[1:-1]
    )


def unwrap(node: Node) -> Node:
    """The expression inside parentheses and type assertions."""
    while node.type in ("parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression"):
        inner = next((child for child in node.named_children if child.type != "comment"), None)
        if inner is None:
            break
        node = inner
    return node


class _Resolver:
    """Says what the names in a file stand for."""

    def __init__(self, file: TypeScript, factories: dict[str, Factory], schemas: dict[str, Factory]) -> None:
        self.file = file
        self.factories = factories
        self.schemas = schemas
        self.imported = {s.local: s.imported for i in file.imports for s in i.specifiers}
        self.modules = {s.local: i.module for i in file.imports for s in i.specifiers}
        self.open: set[str] = set()
        self.namespaces = {i.namespace: i.module for i in file.imports if i.namespace}

    def string(self, node: Node) -> str | None:
        node = unwrap(node)
        if node.type == "identifier":
            return self.file.strings.get(_text(node))
        return string_value(node)

    def factory(self, node: Node) -> Factory | None:
        node = unwrap(node)
        if node.type == "identifier":
            name = _text(node)
            if name in self.file.values:
                return self.made(name)
            imported = self.imported.get(name)
            if imported is None:
                return None
            if imported in self.factories and not is_pg_core(self.modules[name]):
                return self.factories[imported]
            return Factory() if imported == "pgTable" else None
        if node.type != "member_expression":
            return None
        owner, name = node.child_by_field_name("object"), _text(node.child_by_field_name("property"))
        if owner is None:
            return None
        owner = unwrap(owner)
        if name == "table":
            return self.schema(owner)
        if name == "withRLS":
            return self.factory(owner)
        if owner.type == "identifier" and _text(owner) in self.namespaces:
            return Factory() if name == "pgTable" else self.factories.get(name)
        return None

    def schema(self, node: Node) -> Factory | None:
        """What `.table` of this expression makes."""
        node = unwrap(node)
        if node.type == "identifier":
            name = _text(node)
            if name in self.file.values:
                value = unwrap(self.file.values[name])
                return self.schema(value) if value.type == "call_expression" else None
            imported = self.imported.get(name)
            if imported is None:
                return None
            cased = _CASED.get(imported)
            return Factory(casing=cased) if cased else self.schemas.get(imported, Factory(schema_known=False))
        if node.type == "member_expression":
            owner, name = node.child_by_field_name("object"), _text(node.child_by_field_name("property"))
            if owner is not None and _text(owner) in self.namespaces:
                cased = _CASED.get(name)
                return Factory(casing=cased) if cased else self.schemas.get(name)
            return None
        if node.type != "call_expression":
            return None
        callee = node.child_by_field_name("function")
        if callee is None:
            return None
        casing = None
        if self._function(callee) != "pgSchema":
            owner = callee.child_by_field_name("object") if callee.type == "member_expression" else None
            if owner is None or _text(callee.child_by_field_name("property")) != "schema":
                return None
            casing = _CASED.get(self._function(owner) or "")
            if casing is None:
                return None
        arguments = _arguments(node)
        name_of = self.string(arguments[0]) if arguments else None
        if name_of == "public":
            return Factory(casing=casing)
        return Factory(schema=name_of, schema_known=name_of is not None, casing=casing)

    def made(self, name: str) -> Factory | None:
        """The factory a top-level constant is set to."""
        if name in self.open:
            return None
        self.open.add(name)
        try:
            node = unwrap(self.file.values[name])
            if node.type in ("identifier", "member_expression"):
                return self.factory(node)
            callee = node.child_by_field_name("function") if node.type == "call_expression" else None
            if callee is None or self._function(callee) != "pgTableCreator":
                return None
            arguments = _arguments(node)
            return _creator(arguments[0]) if arguments else None
        finally:
            self.open.discard(name)

    def _function(self, node: Node) -> str | None:
        """The name a function was exported under by the module it is from."""
        if node.type == "identifier":
            return self.imported.get(_text(node))
        if node.type == "member_expression":
            owner = node.child_by_field_name("object")
            if owner is not None and _text(owner) in self.namespaces:
                return _text(node.child_by_field_name("property"))
        return None


_CASED = {"snakeCase": Casing.SNAKE, "camelCase": Casing.CAMEL}


def _creator(function: Node) -> Factory:
    """What a pgTableCreator puts around a table's name."""
    parameter, body = _parameter(function), function.child_by_field_name("body")
    if parameter is None or body is None:
        return Factory(name_known=False)
    body = unwrap(body)
    pieces = [body]
    if body.type == "template_string":
        pieces = body.children[1:-1]
    elif body.type == "binary_expression" and _text(body.child_by_field_name("operator")) == "+":
        pieces = body.named_children
    around = [""]
    for piece in pieces:
        inner = piece.named_children[0] if piece.type == "template_substitution" else piece
        literal = _text(inner) if inner.type == "string_fragment" else string_value(inner)
        if literal is not None:
            around[-1] += literal
        elif _text(inner) == _text(parameter):
            around.append("")
        else:
            return Factory(name_known=False)
    return Factory(prefix=around[0], suffix=around[1]) if len(around) == 2 else Factory(name_known=False)


def _exports(files: Iterable[TypeScript]) -> tuple[dict[str, Factory], dict[str, Factory]]:
    """The factories and pgSchemas that files make, by name; what two files make differently counts as not known."""
    factories: dict[str, Factory] = {}
    schemas: dict[str, Factory] = {}
    for file in files:
        resolver = _Resolver(file, {}, {})
        for name, value in file.values.items():
            schema = resolver.schema(value) if unwrap(value).type == "call_expression" else None
            if schema is not None:
                known = schemas.setdefault(name, schema)
                if known != schema:
                    schemas[name] = Factory(schema_known=False)
                continue
            factory = resolver.made(name)
            if factory is not None and factories.setdefault(name, factory) != factory:
                factories[name] = Factory(name_known=False)
    return factories, schemas


def _columns(resolver: _Resolver, node: Node) -> Columns | None:
    node = unwrap(node)
    if node.type == "object":
        return Columns(node, _properties(resolver, node))
    if node.type not in ("arrow_function", "function_expression"):
        return None
    body = node.child_by_field_name("body")
    if body is None:
        return None
    body = unwrap(body)
    if body.type == "statement_block":
        returns = [child for child in body.named_children if child.type == "return_statement"]
        values = [child for r in returns for child in r.named_children if child.type != "comment"]
        if len(values) != 1:
            return None
        body = unwrap(values[0])
    if body.type != "object":
        return None
    properties = _properties(resolver, body)
    parameter = _parameter(node)
    if parameter is None:
        return Columns(body, properties)
    if parameter.type == "object_pattern":
        return Columns(body, properties, pattern=parameter, specifiers=_pattern(parameter))
    return Columns(body, properties, parameter=_text(parameter))


def _properties(resolver: _Resolver, node: Node) -> tuple[Column, ...]:
    columns = []
    for child in node.named_children:
        if child.type == "shorthand_property_identifier":
            columns.append(Column(child, _text(child), "", None, None))
            continue
        key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
        if child.type != "pair" or key is None or value is None:
            continue
        name = string_value(key) if key.type == "string" else _text(key)
        if name is None or key.type == "computed_property_name":
            continue
        call = call_of(value)
        given = resolver.string(call.arguments[0]) if call is not None and call.arguments else None
        columns.append(Column(child, name, _text(key)[0] if key.type == "string" else "", call, given))
    return tuple(columns)


def _parameter(function: Node) -> Node | None:
    """The pattern of a function's first parameter."""
    single = function.child_by_field_name("parameter")
    if single is not None:
        return single
    parameters = function.child_by_field_name("parameters")
    if parameters is None:
        return None
    first = next((child for child in parameters.named_children if child.type == "required_parameter"), None)
    return first.child_by_field_name("pattern") if first is not None else None


def _pattern(node: Node) -> tuple[Specifier, ...]:
    found = []
    for child in node.named_children:
        if child.type == "shorthand_property_identifier_pattern":
            found.append(Specifier(child, _text(child), _text(child)))
        elif child.type == "pair_pattern":
            key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
            found.append(Specifier(child, _text(key), _text(value)))
    return tuple(found)


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
            specifiers.append(Specifier(node, _text(name), _text(alias or name)))
    return Import(statement, module, braces, tuple(specifiers), _text(star.named_children[0]) if star else None)


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


def _arguments(call: Node) -> tuple[Node, ...]:
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


def _text(node: Node | None) -> str:
    return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")
