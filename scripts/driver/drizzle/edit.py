"""Adds the cms_id column to table declarations, in the style of the file they stand in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from driver.drizzle.casing import Casing, is_multi_word
from driver.drizzle.kit import Kit
from driver.drizzle.typescript import (
    Column,
    Columns,
    Declaration,
    Import,
    Specifier,
    TypeScript,
    is_pg_core,
    string_value,
    walk,
)

COLUMN = "cms_id"
_KEY = "cmsId"


@dataclass(frozen=True)
class Edit:
    """Replace the bytes from start up to end of a file's body."""

    start: int
    end: int
    text: bytes


class CannotEdit(Exception):
    """A declaration that has to be left to a person; the message completes "<table> ..."."""


def apply(file: TypeScript, edits: Iterable[Edit]) -> bytes:
    """
    Args:
        file: the file as read.
        edits: what to replace; no two overlap, and of several at one place the first stays in front.

    Returns:
        The new content, byte order mark included.
    """
    parts, at = [file.bom], 0
    for edit in sorted(edits, key=lambda e: e.start):
        parts += [file.body[at : edit.start], edit.text]
        at = edit.end
    return b"".join([*parts, file.body[at:]])


def casing_of(declaration: Declaration, kit: Kit) -> Casing:
    """How the keys of this declaration become column names."""
    if declaration.factory.casing is not None:
        return declaration.factory.casing
    return Casing.NONE if kit.names_by_table else kit.casing


def existing(declaration: Declaration, kit: Kit) -> Column | None:
    """
    The declaration's cms_id column, where it has the one it is meant to have.

    Raises:
        CannotEdit: it has another one.
    """
    columns = declaration.columns.columns if declaration.columns else ()
    found = [c for c in columns if COLUMN in (c.name, c.key, Casing.SNAKE.column_name(c.key))]
    if not found:
        return None
    line = found[0].node.start_point.row + 1
    if len(found) > 1:
        raise CannotEdit(f"has {len(found)} columns for {COLUMN} (the first on line {line}): keep one of them")
    column = found[0]
    if not _is_unique_integer(declaration, column):
        raise CannotEdit(
            f"already has another {column.key} (line {line}): make it integer().unique(), or take it out, and run this again"
        )
    name = column.name or casing_of(declaration, kit).column_name(column.key)
    if name not in (COLUMN, None):
        raise CannotEdit(
            f"already has a {column.key} (line {line}), but without a casing its column is called {name}: "
            f"write integer('{COLUMN}').unique(), and run this again"
        )
    return column


def constraint_of(declaration: Declaration, column: Column, kit: Kit) -> str:
    """The name Drizzle expects of the unique constraint on this cms_id column."""
    for method, arguments in column.call.methods if column.call else ():
        if method == "unique" and arguments:
            return string_value(arguments[0]) or ""
    return kit.constraint_name(declaration.table, column.key, column.name)


def add_columns(
    declarations: Sequence[Declaration], identifiers: Sequence[str], names: Sequence[str | None], style: Style
) -> list[Edit]:
    """
    Args:
        declarations: all the declarations of one file that lack the column.
        identifiers: for each, the name of the column to put it behind.
        names: for each, the name to give the constraint; None leaves it to Drizzle.
        style: how columns are written around there.

    Raises:
        CannotEdit: the column cannot be put into the first one that is wrong.
    """
    edits: list[Edit] = []
    bracketed: set[tuple[int, str]] = set()
    for declaration, identifier, constraint in zip(declarations, identifiers, names, strict=True):
        columns, beside = column_beside(declaration, identifier, style.kit)
        function, missing = _integer(declaration, columns, beside)
        if missing is not None and (missing.anchor.start_byte, missing.text) not in bracketed:
            bracketed.add((missing.anchor.start_byte, missing.text))
            edits += missing.edits(declaration.file)
        text = style.column(declaration, beside, function, constraint)
        edits += _insert_behind(declaration.file.body, columns.node, beside.node, text.encode())
    return edits


def column_beside(declaration: Declaration, identifier: str, kit: Kit) -> tuple[Columns, Column]:
    """
    The declaration's columns, and the one to put cms_id behind.

    Raises:
        CannotEdit: they are not written out in the declaration.
    """
    columns = declaration.columns
    if columns is None:
        raise CannotEdit(f"does not have its columns written out in the declaration: add {_KEY} to them by hand")
    casing = casing_of(declaration, kit)
    for column in columns.columns:
        if identifier == (column.name or casing.column_name(column.key) or Casing.SNAKE.column_name(column.key)):
            return columns, column
    raise CannotEdit(f"has no column {identifier} written out in its declaration: add {_KEY} by hand")


class Style:
    """How an application writes its columns: whether they are named, how keys are written, which quotes are used."""

    def __init__(self, declarations: Sequence[Declaration], kit: Kit) -> None:
        """
        Args:
            declarations: those of all core tables; what one of them does not show is taken from the others.
            kit: how drizzle-kit is set up.
        """
        self.kit = kit
        self.declarations = declarations

    def column(self, declaration: Declaration, beside: Column, function: str, constraint: str | None) -> str:
        """The column as text, without a comma."""
        key = self.key(declaration)
        quote = self._quote(declaration.file)
        name = f"{quote}{COLUMN}{quote}" if self.is_named(declaration, key) else ""
        unique = f"{quote}{constraint}{quote}" if constraint else ""
        return f"{beside.quote}{key}{beside.quote}: {function}({name}).unique({unique})"

    def key(self, declaration: Declaration) -> str:
        """The key of the new column."""
        for columns in self._levels(declaration):
            snake = [c for c in columns if "_" in c.key.strip("_")]
            camel = [c for c in columns if is_multi_word(c.key) and "_" not in c.key]
            if snake or camel:
                return COLUMN if len(snake) > len(camel) else _KEY
        return _KEY

    def is_named(self, declaration: Declaration, key: str) -> bool:
        """Whether the new column has to be given its name in so many words."""
        name = casing_of(declaration, self.kit).column_name(key)
        if name not in (COLUMN, None):
            return True
        for columns in self._levels(declaration):
            # A column of one word shows the style only where no other does.
            shown = [c for c in columns if is_multi_word(c.key)]
            if shown:
                return _most_named(shown)
        if name is None:
            return True
        return any(_most_named(columns) for columns in self._levels(declaration) if columns)

    def _levels(self, declaration: Declaration) -> list[list[Column]]:
        """The columns of the declaration, of its file, of all: the nearest that shows something decides."""
        file = [d for d in self.declarations if d.file is declaration.file]
        groups = [[declaration], file, self.declarations]
        return [
            [c for d in group if d.columns for c in d.columns.columns if c.call is not None and _KEY != c.key != COLUMN]
            for group in groups
        ]

    def _quote(self, file: TypeScript) -> str:
        quotes = [node.text[:1] for node in walk(file.root) if node.type == "string" and node.text]
        return '"' if quotes.count(b'"') > quotes.count(b"'") else "'"


def _most_named(columns: Sequence[Column]) -> bool:
    named = sum(column.name is not None for column in columns)
    return named * 2 > len(columns)


def _is_unique_integer(declaration: Declaration, column: Column) -> bool:
    call = column.call
    if call is None or [method for method, _ in call.methods] != ["unique"]:
        return False
    if call.arguments and (len(call.arguments) > 1 or column.name != COLUMN):
        return False
    unique = call.methods[0][1]
    if unique and (len(unique) > 1 or string_value(unique[0]) is None):
        return False
    callee = call.callee
    if callee.type == "member_expression":
        return _decoded(callee.child_by_field_name("property")) == "integer"
    specifiers = [*(declaration.columns.specifiers if declaration.columns else ())]
    specifiers += [s for i in declaration.file.imports for s in i.specifiers]
    return "integer" in [s.imported for s in specifiers if s.local == _decoded(callee)]


@dataclass(frozen=True)
class _Missing:
    """A name that has to be added to braces, or, where there are none, imported behind the anchor."""

    anchor: Node
    text: str
    specifiers: tuple[Specifier, ...] | None

    def edits(self, file: TypeScript) -> list[Edit]:
        if self.specifiers is not None:
            return _insert_name(file.body, self.anchor, self.specifiers, self.text)
        quote = "'" if b"'" in (self.anchor.text or b"") else '"'
        end = ";" if (self.anchor.text or b"").endswith(b";") else ""
        line = f"import {{ {self.text} }} from {quote}drizzle-orm/pg-core{quote}{end}".encode()
        return [Edit(self.anchor.end_byte, self.anchor.end_byte, _newline(file.body, self.anchor.start_byte) + line)]


def _integer(declaration: Declaration, columns: Columns, beside: Column) -> tuple[str, _Missing | None]:
    """How `integer` is called there, and what has to be imported for it."""
    callee = beside.call.callee if beside.call else None
    owner = callee.child_by_field_name("object") if callee is not None and callee.type == "member_expression" else None
    namespaces = [i.namespace for i in declaration.file.imports if i.namespace and is_pg_core(i.module)]
    if owner is not None and _decoded(owner) in [columns.parameter, *namespaces]:
        return f"{_decoded(owner)}.integer", None
    if columns.parameter is not None and beside.call is None:
        return f"{columns.parameter}.integer", None
    if columns.pattern is not None:
        for specifier in columns.specifiers:
            if specifier.imported == "integer":
                return specifier.local, None
        imported = {s.local for i in declaration.file.imports for s in i.specifiers}
        if callee is None or _decoded(callee) not in imported:
            return "integer", _Missing(columns.pattern, "integer", columns.specifiers)
    return _imported_integer(declaration, columns, namespaces)


def _imported_integer(declaration: Declaration, columns: Columns, namespaces: list[str]) -> tuple[str, _Missing | None]:
    file = declaration.file
    core = [i for i in file.imports if is_pg_core(i.module)]
    for specifier in (s for i in core for s in i.specifiers):
        if specifier.imported == "integer":
            return specifier.local, None
    tables = {_decoded(declaration.node.child_by_field_name("function"))}
    for other in file.imports:
        # A module of the application that hands Drizzle's own functions on.
        if {s.local for s in other.specifiers} & tables and "integer" in [s.imported for s in other.specifiers]:
            return next(s.local for s in other.specifiers if s.imported == "integer"), None
    if namespaces:
        return f"{namespaces[0]}.integer", None
    if columns.parameter is not None:
        return f"{columns.parameter}.integer", None
    taken = file.names | {s.local for i in file.imports for s in i.specifiers}
    local = next(name for name in ("integer", "pgInteger", "drizzleInteger") if name not in taken)
    text = "integer" if local == "integer" else f"integer as {local}"
    braces: Import | None = next((i for i in core if i.braces is not None), None)
    if braces is not None and braces.braces is not None:
        return local, _Missing(braces.braces, text, braces.specifiers)
    if not file.imports:
        raise CannotEdit(f"is declared in a file without imports: add {_KEY} by hand")
    return local, _Missing(file.imports[-1].node, text, None)


def _insert_behind(body: bytes, braces: Node, pair: Node, text: bytes) -> list[Edit]:
    """Puts a property behind another one of the same object."""
    comma, following = _comma_and_following(braces, pair)
    indent = _indent(body, pair)
    if comma is None:
        if indent is None or braces.end_point.row == pair.end_point.row:
            return [Edit(pair.end_byte, pair.end_byte, b", " + text)]
        end = _line_end(body, braces, pair)
        return [
            Edit(pair.end_byte, pair.end_byte, b","),
            Edit(end, end, _newline(body, pair.start_byte) + indent + text),
        ]
    if comma.start_point.row > pair.end_point.row and _indent(body, comma) is not None and following is not None:
        line = _line_start(body, comma.start_byte)
        lead = body[line : following.start_byte] if following.start_point.row == comma.start_point.row else b", "
        return [Edit(line, line, lead + text + _newline(body, comma.start_byte))]
    if following is None:
        if braces.end_point.row == comma.end_point.row:
            return [Edit(comma.end_byte, comma.end_byte, b" " + text + b",")]
    elif following.start_point.row == comma.end_point.row:
        return [Edit(comma.end_byte, comma.end_byte, b" " + text + b",")]
    elif indent is None:
        indent = _indent(body, following)
    if indent is None:
        return [Edit(comma.end_byte, comma.end_byte, b" " + text + b",")]
    end = _line_end(body, braces, comma)
    return [Edit(end, end, _newline(body, pair.start_byte) + indent + text + b",")]


def _insert_name(body: bytes, braces: Node, specifiers: Sequence[Specifier], text: str) -> list[Edit]:
    """Puts a name into the braces of an import or a parameter, in its place where they are in order."""
    new = text.encode()
    if not specifiers:
        inside = braces.start_byte + 1
        return [Edit(inside, inside, b" " + new + (b"," if braces.named_children else b" "))]
    for key in (str, str.lower):
        names = [key(s.imported) for s in specifiers]
        behind = next((s for s in specifiers if key(s.imported) > key("integer")), None)
        if names == sorted(names) and len(names) > 1 and behind is not None:
            indent = _indent(body, behind.node)
            apart = b" " if indent is None else _newline(body, behind.node.start_byte) + indent
            return [Edit(behind.node.start_byte, behind.node.start_byte, new + b"," + apart)]
    last = specifiers[-1].node
    if _comma_and_following(braces, last)[1] is not None:
        # Types may stand behind the last value.
        return [Edit(last.end_byte, last.end_byte, b", " + new)]
    return _insert_behind(body, braces, last, new)


def _comma_and_following(braces: Node, element: Node) -> tuple[Node | None, Node | None]:
    """The comma behind an element in braces, and the element behind that."""
    comma = None
    inside = False
    for child in braces.children:
        if child.start_byte < element.end_byte or child.type == "comment":
            continue
        if child.type == "," and not inside:
            comma, inside = child, True
        elif child.is_named:
            return comma, child
    return comma, None


def _line_start(body: bytes, at: int) -> int:
    return body.rfind(b"\n", 0, at) + 1


def _indent(body: bytes, node: Node) -> bytes | None:
    """The white space in front of a node that is the first on its line; None for any other."""
    before = body[_line_start(body, node.start_byte) : node.start_byte]
    return before if not before.strip() else None


def _newline(body: bytes, at: int) -> bytes:
    """The kind of line end in use around there."""
    start = _line_start(body, at)
    end = start or body.find(b"\n") + 1
    return b"\r\n" if body[max(end - 2, 0) : end] == b"\r\n" else b"\n"


def _line_end(body: bytes, braces: Node, node: Node) -> int:
    """Where the line of a node ends, comments and blanks behind it included."""
    end, row = node.end_byte, node.end_point.row
    for child in braces.children:
        if child.type == "comment" and child.start_byte >= node.end_byte and child.start_point.row == row:
            end = child.end_byte
            row = child.end_point.row
    while end < len(body) and body[end : end + 1] in (b" ", b"\t"):
        end += 1
    while body[end - 1 : end] == b"\r":
        end -= 1
    return end


def _decoded(node: Node | None) -> str:
    return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")
