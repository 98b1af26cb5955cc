"""Adds the cms_id column to table declarations, in the style of the file they stand in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from driver.drizzle.casing import Casing
from driver.drizzle.style import COLUMN, KEY, Style, casing_of
from driver.drizzle.text_edit import Edit, insert_behind, insert_name, newline
from driver.drizzle.typescript import is_pg_core, string_value, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tree_sitter import Node

    from driver.drizzle.declarations import Column, Columns, Declaration
    from driver.drizzle.kit import Kit
    from driver.drizzle.typescript import Import, Method, Specifier, TypeScript


class CannotEditError(Exception):
    """A declaration that has to be left to a person; the message completes "<table> ..."."""


def existing(declaration: Declaration, kit: Kit) -> Column | None:
    """The declaration's cms_id column, where it has the one it is meant to have.

    Raises:
        CannotEditError: it has another one.
    """
    columns = declaration.columns.columns if declaration.columns else ()
    found = [c for c in columns if COLUMN in (c.name, c.key, Casing.SNAKE.column_name(c.key))]
    if not found:
        return None
    line = found[0].node.start_point.row + 1
    if len(found) > 1:
        raise CannotEditError(f"has {len(found)} columns for {COLUMN} (the first on line {line}): keep one of them")
    column = found[0]
    if not _is_unique_integer(declaration, column):
        raise CannotEditError(
            f"already has another {column.key} (line {line}): "
            "make it integer().unique(), or take it out, and run this again"
        )
    name = column.name or casing_of(declaration, kit).column_name(column.key)
    if name not in (COLUMN, None):
        raise CannotEditError(
            f"already has a {column.key} (line {line}), but without a casing its column is called {name}: "
            f"write integer('{COLUMN}').unique(), and run this again"
        )
    return column


def constraint_of(declaration: Declaration, column: Column, kit: Kit) -> str:
    """The name Drizzle expects of the unique constraint on this cms_id column."""
    return given_name(column) or kit.constraint_name(declaration.table, column.key, column.name)


def given_name(column: Column) -> str | None:
    """The name that a cms_id column gives its unique constraint in the schema file."""
    unique = _unique(column)
    return string_value(unique.arguments[0]) if unique.arguments else None


def name_constraint(declaration: Declaration, column: Column, constraint: str, style: Style) -> Edit:
    """Works out how to give the unique constraint of a cms_id column a name."""
    arguments = _unique(column).node.child_by_field_name("arguments")
    assert arguments is not None  # noqa: S101 - a call has them
    quote = style.quote(declaration.file)
    return Edit(arguments.start_byte, arguments.end_byte, f"({quote}{constraint}{quote})".encode())


def _unique(column: Column) -> Method:
    """The call of unique() in a column that is as it is meant to be."""
    methods = column.call.methods if column.call else ()
    return next(method for method in methods if method.name == "unique")


def add_column(declaration: Declaration, id_column: str, constraint: str | None, style: Style) -> list[Edit]:
    """Works out how to add the column to a declaration that lacks it.

    Args:
        declaration: the declaration.
        id_column: the name of the column to put it behind.
        constraint: the name to give the constraint; None leaves it to Drizzle.
        style: how columns are written around there.

    Raises:
        CannotEditError: the column has to be added by hand.
    """
    columns, beside = _column_beside(declaration, id_column, style.kit)
    function, missing = _integer(declaration, columns, beside)
    text = style.column(declaration, beside, function, constraint)
    edits = missing.edits(declaration.file) if missing else []
    return [*edits, *insert_behind(declaration.file.body, columns.node, beside.node, text.encode())]


def _column_beside(declaration: Declaration, id_column: str, kit: Kit) -> tuple[Columns, Column]:
    """The declaration's columns, and the one to put cms_id behind.

    Raises:
        CannotEditError: they are not written out in the declaration.
    """
    columns = declaration.columns
    if columns is None:
        raise CannotEditError(f"does not have its columns written out in the declaration: add {KEY} to them by hand")
    casing = casing_of(declaration, kit)
    for column in columns.columns:
        if id_column == (column.name or casing.column_name(column.key) or Casing.SNAKE.column_name(column.key)):
            return columns, column
    raise CannotEditError(f"has no column {id_column} written out in its declaration: add {KEY} by hand")


def _is_unique_integer(declaration: Declaration, column: Column) -> bool:
    call = column.call
    if call is None or [method.name for method in call.methods] != ["unique"]:
        return False
    if call.arguments and (len(call.arguments) > 1 or column.name != COLUMN):
        return False
    unique = call.methods[0].arguments
    if unique and (len(unique) > 1 or string_value(unique[0]) is None):
        return False
    callee = call.callee
    if callee.type == "member_expression":
        return text_of(callee.child_by_field_name("property")) == "integer"
    specifiers = [*(declaration.columns.specifiers if declaration.columns else ())]
    specifiers += [s for i in declaration.file.imports for s in i.specifiers]
    return "integer" in [s.imported for s in specifiers if s.local == text_of(callee)]


@dataclass(frozen=True)
class _Missing:
    """A name that has to be added to braces, or, where there are none, imported behind the anchor."""

    anchor: Node
    text: str
    specifiers: tuple[Specifier, ...] | None

    def edits(self, file: TypeScript) -> list[Edit]:
        if self.specifiers is not None:
            return insert_name(file.body, self.anchor, self.specifiers, self.text)
        quote = "'" if b"'" in (self.anchor.text or b"") else '"'
        end = ";" if (self.anchor.text or b"").endswith(b";") else ""
        line = f"import {{ {self.text} }} from {quote}drizzle-orm/pg-core{quote}{end}".encode()
        return [Edit(self.anchor.end_byte, self.anchor.end_byte, newline(file.body, self.anchor.start_byte) + line)]


def _integer(declaration: Declaration, columns: Columns, beside: Column) -> tuple[str, _Missing | None]:
    """How `integer` is called there, and what has to be added for it."""
    callee = beside.call.callee if beside.call else None
    imports = declaration.file.imports
    namespaces = [i.namespace for i in imports if i.namespace and is_pg_core(i.module)]
    owner = callee.child_by_field_name("object") if callee is not None else None
    if owner is not None and text_of(owner) in [columns.parameter, *namespaces]:
        return f"{text_of(owner)}.integer", None
    if columns.pattern is not None and text_of(callee) not in {s.local for i in imports for s in i.specifiers}:
        taken_out = _called(columns.specifiers)
        return taken_out or "integer", None if taken_out else _Missing(columns.pattern, "integer", columns.specifiers)
    core = [i for i in imports if is_pg_core(i.module)]
    factory = text_of(declaration.node.child_by_field_name("function"))
    # Else the application hands Drizzle's functions on, and imports this one where it imports pgTable.
    known = [*core, *(i for i in imports if factory in {s.local for s in i.specifiers})]
    called = _called([s for i in known for s in i.specifiers])
    if called:
        return called, None
    owners = [*namespaces, *([columns.parameter] if columns.parameter else [])]
    if owners:
        return f"{owners[0]}.integer", None
    return _import_integer(declaration.file, core)


def _called(specifiers: Sequence[Specifier]) -> str | None:
    """What `integer` is called by these names."""
    return next((s.local for s in specifiers if s.imported == "integer"), None)


def _import_integer(file: TypeScript, core: Sequence[Import]) -> tuple[str, _Missing]:
    taken = file.names | {s.local for i in file.imports for s in i.specifiers}
    local = next(name for name in ("integer", "pgInteger", "drizzleInteger") if name not in taken)
    text = "integer" if local == "integer" else f"integer as {local}"
    for module in core:
        if module.braces is not None:
            return local, _Missing(module.braces, text, module.specifiers)
    if not file.imports:
        raise CannotEditError(f"is declared in a file without imports: add {KEY} by hand")
    return local, _Missing(file.imports[-1].node, text, None)
