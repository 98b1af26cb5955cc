"""Finds the table declarations in an application's TypeScript."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driver.drizzle.casing import Casing
from driver.drizzle.typescript import (
    Call,
    Specifier,
    TypeScript,
    arguments_of,
    call_of,
    is_pg_core,
    parse,
    string_value,
    text_of,
    unwrap,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tree_sitter import Node

_DRIZZLE = re.compile(rb"pgTable|pgSchema|\.\s*table\s*\(")
_CASED = {"snakeCase": Casing.SNAKE, "camelCase": Casing.CAMEL}


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


@dataclass(frozen=True)
class Reading:
    """What reading a set of files gave."""

    files: tuple[TypeScript, ...]
    declarations: tuple[Declaration, ...]
    unnamed: tuple[tuple[Path, int], ...]
    """Where tables are declared under a name only known at run time: file and line."""


def read(contents: Mapping[Path, bytes]) -> Reading:
    """Finds every table declaration in the files.

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
            arguments = arguments_of(node)
            name = resolver.string(arguments[0]) if arguments else None
            columns = _columns(resolver, arguments[1]) if len(arguments) > 1 else None
            if columns is None and not factory.schema_known:
                # Something else with a method called table.
                continue
            if name is None or not factory.name_known:
                unnamed.append((file.path, node.start_point.row + 1))
                continue
            table = factory.prefix + name + factory.suffix
            declarations.append(Declaration(file, node, table, factory, columns))
    return Reading(files, tuple(declarations), tuple(unnamed))


class _Resolver:
    """Says what the names in a file stand for."""

    def __init__(self, file: TypeScript, factories: dict[str, Factory], schemas: dict[str, Factory]) -> None:
        self.file = file
        self.factories = factories
        self.schemas = schemas
        self.imported = {s.local: s.imported for i in file.imports for s in i.specifiers}
        self.modules = {s.local: i.module for i in file.imports for s in i.specifiers}
        self.namespaces = {i.namespace for i in file.imports if i.namespace}
        self.open: set[str] = set()

    def string(self, node: Node) -> str | None:
        """The value of a string literal, or of a constant set to one."""
        node = unwrap(node)
        return self.file.strings.get(text_of(node)) if node.type == "identifier" else string_value(node)

    def factory(self, node: Node) -> Factory | None:
        """What this expression makes when called; None where that is no table."""
        node = unwrap(node)
        if node.type == "identifier":
            return self._named_factory(text_of(node))
        owner = node.child_by_field_name("object")
        if node.type != "member_expression" or owner is None:
            return None
        name = text_of(node.child_by_field_name("property"))
        if name == "table":
            return self.schema(owner)
        if name == "withRLS":
            return self.factory(owner)
        if text_of(owner) in self.namespaces:
            return Factory() if name == "pgTable" else self.factories.get(name)
        return None

    def schema(self, node: Node) -> Factory | None:
        """What `.table` of this expression makes; None where the expression is no schema."""
        node = unwrap(node)
        if node.type == "identifier":
            name = text_of(node)
            if name in self.file.values:
                value = unwrap(self.file.values[name])
                return self._made_schema(value) if value.type == "call_expression" else None
            return self._exported_schema(self.imported[name]) if name in self.imported else None
        if node.type == "call_expression":
            return self._made_schema(node)
        exported = self._function(node)
        return self._exported_schema(exported) if exported else None

    def made(self, name: str) -> Factory | None:
        """The factory a top-level constant is set to."""
        if name in self.open:
            return None
        self.open.add(name)
        try:
            node = unwrap(self.file.values[name])
            if node.type != "call_expression":
                return self.factory(node)
            if self._function(node.child_by_field_name("function")) != "pgTableCreator":
                return None
            arguments = arguments_of(node)
            return _creator(arguments[0]) if arguments else None
        finally:
            self.open.discard(name)

    def _named_factory(self, name: str) -> Factory | None:
        if name in self.file.values:
            return self.made(name)
        imported = self.imported.get(name)
        if imported in self.factories and not is_pg_core(self.modules[name]):
            return self.factories[imported]
        return Factory() if imported == "pgTable" else None

    def _exported_schema(self, name: str) -> Factory:
        if name in _CASED:
            return Factory(casing=_CASED[name])
        return self.schemas.get(name, Factory(schema_known=False))

    def _made_schema(self, call: Node) -> Factory | None:
        callee = call.child_by_field_name("function")
        casing = None
        if self._function(callee) != "pgSchema":
            owner = callee.child_by_field_name("object") if callee is not None else None
            casing = _CASED.get(self._function(owner) or "")
            if casing is None or text_of(callee).rpartition(".")[2] != "schema":
                return None
        arguments = arguments_of(call)
        name = self.string(arguments[0]) if arguments else None
        # The schema a connection uses by itself needs no name in SQL.
        return Factory(schema=None if name == "public" else name, schema_known=name is not None, casing=casing)

    def _function(self, node: Node | None) -> str | None:
        """The name that an imported function or object has in the module it is from."""
        if node is None or node.type == "identifier":
            return self.imported.get(text_of(node))
        owner = node.child_by_field_name("object")
        if node.type == "member_expression" and text_of(owner) in self.namespaces:
            return text_of(node.child_by_field_name("property"))
        return None


def _creator(function: Node) -> Factory:
    """What a pgTableCreator puts around a table's name."""
    parameter, body = _parameter(function), function.child_by_field_name("body")
    if parameter is None or body is None:
        return Factory(name_known=False)
    body = unwrap(body)
    pieces = [body]
    if body.type == "template_string":
        pieces = body.children[1:-1]
    elif body.type == "binary_expression" and text_of(body.child_by_field_name("operator")) == "+":
        pieces = body.named_children
    around: list[str] = [""]
    for piece in pieces:
        inner = piece.named_children[0] if piece.type == "template_substitution" else piece
        literal = text_of(inner) if inner.type == "string_fragment" else string_value(inner)
        if literal is not None:
            around[-1] += literal
        elif text_of(inner) == text_of(parameter):
            around.append("")
        else:
            return Factory(name_known=False)
    prefix, *suffixes = around
    return Factory(prefix=prefix, suffix=suffixes[0]) if len(suffixes) == 1 else Factory(name_known=False)


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
    """The columns in a declaration's second argument: an object, or a function that returns one."""
    node = unwrap(node)
    is_function = node.type in ("arrow_function", "function_expression")
    body = _returned(node) if is_function else node
    if body is None or body.type != "object":
        return None
    properties = _properties(resolver, body)
    parameter = _parameter(node) if is_function else None
    if parameter is None:
        return Columns(body, properties)
    if parameter.type == "object_pattern":
        return Columns(body, properties, pattern=parameter, specifiers=_pattern(parameter))
    return Columns(body, properties, parameter=text_of(parameter))


def _returned(function: Node) -> Node | None:
    """What a function returns, where it does so in one place."""
    body = function.child_by_field_name("body")
    if body is None or unwrap(body).type != "statement_block":
        return None if body is None else unwrap(body)
    returns = [child for child in body.named_children if child.type == "return_statement"]
    values = [child for statement in returns for child in statement.named_children if child.type != "comment"]
    return unwrap(values[0]) if len(values) == 1 else None


def _properties(resolver: _Resolver, node: Node) -> tuple[Column, ...]:
    columns = []
    for child in node.named_children:
        if child.type == "shorthand_property_identifier":
            columns.append(Column(child, text_of(child), "", None, None))
            continue
        key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
        if child.type != "pair" or key is None or value is None:
            continue
        name = string_value(key) if key.type == "string" else text_of(key)
        if name is None or key.type == "computed_property_name":
            continue
        call = call_of(value)
        given = resolver.string(call.arguments[0]) if call is not None and call.arguments else None
        columns.append(Column(child, name, text_of(key)[0] if key.type == "string" else "", call, given))
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
            found.append(Specifier(child, text_of(child), text_of(child)))
        elif child.type == "pair_pattern":
            key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
            found.append(Specifier(child, text_of(key), text_of(value)))
    return tuple(found)
