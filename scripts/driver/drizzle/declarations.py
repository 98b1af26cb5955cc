"""Finds the table declarations in an application's TypeScript."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driver.drizzle.kit import Casing
from driver.drizzle.typescript import (
    PG_CORE,
    TypeScript,
    arguments_of,
    calls_of,
    part,
    string_value,
    text_of,
    unwrap,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tree_sitter import Node

    from driver.drizzle.typescript import Import

_DRIZZLE = re.compile(rb"pgTable|pgSchema|pg(?:Materialized)?View|\.\s*table\s*\(")


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
    quote: str = ""
    """The quote around its key; empty for none."""
    calls: tuple[Node, ...] = ()
    """The calls that make it, `integer('cms_id')` and `.unique()` say."""
    name: str | None = None
    """The column name it gives itself."""


@dataclass(frozen=True)
class Declaration:
    """A table declaration."""

    file: TypeScript
    node: Node
    table: str
    factory: Factory
    braces: Node | None
    """Where its columns are written out; None where they are not."""
    columns: tuple[Column, ...]
    parameter: Node | None
    """The parameter of the callback that gives the columns."""

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.file.path}:{self.node.start_point.row + 1}"


@dataclass(frozen=True)
class Reading:
    """What reading a set of files gave."""

    files: tuple[TypeScript, ...]
    declarations: tuple[Declaration, ...]
    unnamed: tuple[str, ...]
    """Where tables are declared under a name only known at run time: file and line."""


_TABLES = {
    "pgTable": Factory(),
    "snakeCase.table": Factory(casing=Casing.SNAKE),
    "camelCase.table": Factory(casing=Casing.CAMEL),
}
_SCHEMAS = {"pgSchema": None, "snakeCase.schema": Casing.SNAKE, "camelCase.schema": Casing.CAMEL}
_CREATOR = "pgTableCreator"
_UNREADABLE = Factory(name_known=False)
_SOMEWHERE = Factory(schema_known=False)


def read(contents: Mapping[Path, bytes]) -> Reading:
    """Finds every table declaration in files, which are given with what they hold."""
    parsed = {path: TypeScript(path, content) for path, content in contents.items() if _DRIZZLE.search(content)}
    exported = _exported(parsed.values())
    if exported:
        # Their users need not mention Drizzle at all.
        alternatives = b"|".join(re.escape(name.partition(".")[0].encode()) for name in exported)
        named = re.compile(rb"\b(?:" + alternatives + rb")\b")
        parsed |= {p: TypeScript(p, c) for p, c in contents.items() if p not in parsed and named.search(c)}
    files = tuple(parsed[path] for path in contents if path in parsed)
    declarations: list[Declaration] = []
    unnamed: list[str] = []
    for file in files:
        names = _Names(file, exported)
        for node in walk(file.root):
            factory = names.factory(part(node, "function")) if node.type == "call_expression" else None
            if factory is None:
                continue
            first, second, *_ = [*arguments_of(node), None, None]
            table = file.string(first)
            found = _declaration(file, node, factory, table or "", second)
            if found.braces is None and not factory.schema_known:
                continue  # Something else with a method called table.
            if table is None or not factory.name_known:
                unnamed.append(found.place)
            else:
                declarations.append(found)
    return Reading(files, tuple(declarations), tuple(unnamed))


class _Names:
    """What the names in a file declare when called, each as it is written there: `pgTable`, `pg.pgTable`, `uni.table`."""

    def __init__(self, file: TypeScript, exported: Mapping[str, Factory]) -> None:
        self.file = file
        self.makers: dict[str, str] = {}
        """Drizzle's functions that make a schema or a factory, and what Drizzle calls them."""
        self.tables: dict[str, Factory] = {}
        for one in file.imports:
            known = _TABLES | ({} if one.module == PG_CORE else dict(exported))
            self.makers |= {local: name for name in (*_SCHEMAS, _CREATOR) for local in _as_written(one, name)}
            self.tables |= {local: factory for name, factory in known.items() for local in _as_written(one, name)}
        self.made: dict[str, Factory] = {}
        """Those that the file makes itself: a constant can only go by those before it."""
        for name, value in file.values.items():
            found = self._made(value)
            self.made |= {name + method: factory for method, factory in found.items() if factory}
            self.tables |= self.made

    def factory(self, node: Node | None) -> Factory | None:
        """What this expression makes when called; None where that is not a table."""
        text, owner = _text(node), part(node, "object")
        if text in self.tables:
            return self.tables[text]
        if text.endswith(".withRLS"):
            return self.factory(owner)
        if not text.endswith(".table") or owner is None:
            return None
        if owner.type == "call_expression":
            return self._schema(owner)
        head, _, name = _text(owner).rpartition(".")
        locals_ = {specifier.local for one in self.file.imports for specifier in one.specifiers}
        is_imported = head in {one.namespace for one in self.file.imports} if head else name in locals_
        return _SOMEWHERE if is_imported else None

    def _made(self, value: Node) -> dict[str, Factory | None]:
        """What a constant that is set to this declares: by itself, or by its method."""
        if value.type != "call_expression":
            return {"": self.factory(value), ".table": self.tables.get(_text(value) + ".table")}
        arguments = arguments_of(value)
        if self.makers.get(_text(part(value, "function"))) == _CREATOR and arguments:
            return {"": _creator(arguments[0])}
        return {".table": self._schema(value)}

    def _schema(self, call: Node) -> Factory | None:
        """What `.table` of a call's result makes; None where the call does not make a schema."""
        maker = self.makers.get(_text(part(call, "function")))
        if maker not in _SCHEMAS:
            return None
        name = self.file.string(next(iter(arguments_of(call)), None))
        # The schema a connection uses by itself needs no name in SQL.
        schema = None if name == "public" else name
        return Factory(schema=schema, schema_known=name is not None, casing=_SCHEMAS[maker])


def _as_written(one: Import, name: str) -> list[str]:
    """How a file writes a name of a module that it imports."""
    first, dot, rest = name.partition(".")
    written = [specifier.local for specifier in one.specifiers if specifier.imported == first]
    return [local + dot + rest for local in [*written, *([f"{one.namespace}.{first}"] if one.namespace else [])]]


def _text(node: Node | None) -> str:
    return re.sub(r"\s", "", text_of(node))


def _exported(files: Iterable[TypeScript]) -> dict[str, Factory]:
    """What files make, by name; what two files make differently counts as not known."""
    exported: dict[str, Factory] = {}
    for file in files:
        for name, factory in _Names(file, {}).made.items():
            if exported.setdefault(name, factory) != factory:
                exported[name] = _SOMEWHERE if name.endswith(".table") else _UNREADABLE
    return exported


def _creator(function: Node) -> Factory:
    """What a pgTableCreator puts around a table's name."""
    parameter, body = _parameter(function), part(function, "body")
    if parameter is None or body is None:
        return _UNREADABLE
    pieces = [body]
    if body.type == "template_string":
        pieces = body.children[1:-1]
    elif body.type == "binary_expression" and text_of(part(body, "operator")) == "+":
        pieces = body.named_children
    around = [""]
    for piece in pieces:
        inner = piece.named_children[0] if piece.type == "template_substitution" else piece
        literal = text_of(inner) if inner.type == "string_fragment" else string_value(inner)
        if literal is not None:
            around[-1] += literal
        elif text_of(inner) == text_of(parameter):
            around.append("")
        else:
            return _UNREADABLE
    prefix, *suffixes = around
    return Factory(prefix=prefix, suffix=suffixes[0]) if len(suffixes) == 1 else _UNREADABLE


def _declaration(file: TypeScript, node: Node, factory: Factory, name: str, columns: Node | None) -> Declaration:
    """A declaration, with its columns from an object, or from a function that returns one in one place."""
    body = unwrap(columns) if columns is not None else None
    parameter = None
    if body is not None and body.type in ("arrow_function", "function_expression"):
        parameter, body = _parameter(body), part(body, "body")
        if body is not None and body.type == "statement_block":
            returns = [child for child in body.named_children if child.type == "return_statement"]
            values = [child for one in returns for child in one.named_children if child.type != "comment"]
            body = unwrap(values[0]) if len(values) == 1 else None
    if body is not None and body.type != "object":
        body = None
    table = factory.prefix + name + factory.suffix
    return Declaration(file, node, table, factory, body, _columns(file, body) if body else (), parameter)


def _columns(file: TypeScript, braces: Node) -> tuple[Column, ...]:
    columns = []
    for child in braces.named_children:
        key, value = part(child, "key"), part(child, "value")
        if child.type == "shorthand_property_identifier":
            columns.append(Column(child, text_of(child)))
        elif child.type == "pair" and key is not None and key.type != "computed_property_name":
            is_quoted = key.type == "string"
            text = (string_value(key) or "") if is_quoted else text_of(key)
            calls = calls_of(value)
            name = file.string(next(iter(arguments_of(calls[0])), None)) if calls else None
            columns.append(Column(child, text, text_of(key)[0] if is_quoted else "", tuple(calls), name))
    return tuple(columns)


def _parameter(function: Node) -> Node | None:
    """The pattern of a function's first parameter."""
    parameters = part(function, "parameters")
    required = (
        [child for child in parameters.named_children if child.type == "required_parameter"] if parameters else []
    )
    return part(function, "parameter") or (part(required[0], "pattern") if required else None)
