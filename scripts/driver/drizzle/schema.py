"""The application's schema files: what they hold of cms_id, and what has to be added, in the style of the file it is in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from driver.drizzle.declarations import Declaration, Reading, read
from driver.drizzle.files import Change, counted
from driver.drizzle.kit import Casing, is_multi_word
from driver.drizzle.typescript import PG_CORE, arguments_of, names_in, part, string_value, text_of, walk
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tree_sitter import Node

    from driver.dbt_project import CoreTable
    from driver.drizzle.declarations import Column
    from driver.drizzle.kit import Kit
    from driver.drizzle.typescript import Import, Specifier, TypeScript

COLUMN = "cms_id"
KEY = "cmsId"
_MAKES_VIEW = re.compile(rb"(?:\bpg(?:Materialized)?View|\.(?:view|materializedView))\s*\(")
_SELECTS_ALL = re.compile(rb"\.select(?:Distinct)?\(\s*\)\s*\.from\(\s*(?:\w+\.)?(\w+)\s*\)")


class Edit(NamedTuple):
    """Replace the bytes from start up to end of a file's body."""

    start: int
    end: int
    text: bytes


def apply(body: bytes, edits: Iterable[Edit]) -> bytes:
    """Makes the edits; no two overlap, and of several at one place the first stays in front."""
    parts, at = [], 0
    for edit in sorted(edits, key=lambda e: e.start):
        parts += [body[at : edit.start], edit.text]
        at = edit.end
    return b"".join([*parts, body[at:]])


class Schema:
    """The schema files as they are and as they are to be.

    Attributes:
        problems: what is in the way, a sentence for each.
        declared: the declaration of each core table.
        constraints: the name Drizzle expects of each core table's constraint.
        named: the core tables whose schema file gives that name.
        changes: what to write.
    """

    def __init__(
        self,
        sources: Sequence[Path],
        contents: Mapping[Path, bytes],
        tables: Sequence[CoreTable],
        kit: Kit,
        *,
        name_constraints: bool,
    ) -> None:
        """Works out what to do with these files, which were looked for in the sources."""
        self.problems: list[str] = []
        self.declared: dict[str, Declaration] = {}
        self.constraints: dict[str, str] = {}
        self.named: set[str] = set()
        self.changes: list[Change] = []
        self._added = 0
        self._kit = kit
        reading = read(contents)
        self._find(sources, reading, tables)
        self._with_views = [file.body for file in reading.files if _MAKES_VIEW.search(file.body)]
        edits: dict[Path, list[Edit]] = {}
        for table in tables:
            if declaration := self.declared.get(table.identifier):
                found = self._edits(declaration, table, table.constraint if name_constraints else None)
                so_far = edits.setdefault(declaration.file.path, [])
                # An import is added once, however many tables of the file need it.
                so_far += [edit for edit in found if edit not in so_far]
        for file in sorted(reading.files, key=lambda file: file.path):
            if edits.get(file.path):
                after = file.bom + apply(file.body, edits[file.path])
                self.changes.append(Change(file.path, file.content, after))
        if not self.problems:
            self._check(contents)

    def summary(self) -> str:
        """One line on what is there and what is to come."""
        present = len(self.declared) - self._added
        if not self._added:
            rest = "their constraints to be named" if self.changes else "nothing to change in the schema files"
            return f"all {present} core tables have their cms_id column: {rest}"
        already = f", {present} have it already" if present else ""
        where = counted(len(self.changes), "file")
        return f"{counted(self._added, 'core table')} to get a cms_id column, in {where}{already}"

    def _find(self, sources: Sequence[Path], reading: Reading, tables: Sequence[CoreTable]) -> None:
        """Finds the one declaration of each core table."""
        words = [b"pgTable", b"pgSchema", b"pg-core", *(table.identifier.encode() for table in tables)]
        broken: list[TypeScript] = []
        for file in reading.files:
            error = file.syntax_error
            if error and any(word in file.body for word in words):
                broken.append(file)
                self.problems.append(
                    f"{file.path} is not valid TypeScript at line {error[0]}, column {error[1]}: mend it first"
                )
        for table in tables:
            found = _declaration(table, reading, ", ".join(map(str, sources)))
            if isinstance(found, Declaration):
                self.declared[table.identifier] = found
            elif not any(table.identifier.encode() in file.body for file in broken):
                # Else it may well be in a file that cannot be read.
                self.problems.append(found)

    def _edits(self, declaration: Declaration, table: CoreTable, name: str | None) -> list[Edit]:
        """What one declaration needs."""
        edits: list[Edit] = []
        try:
            column = self._existing(declaration)
            if column is None:
                edits = self._add_column(declaration, table.id_column, name)
                self._added += 1
            elif name not in (None, given_name(column)):
                edits = [self._name_constraint(declaration, column, table.constraint)]
        except Problem as error:  # its message goes on from the table's name
            self._problem(declaration, error.message)
            return []
        if name or (column and given_name(column)):
            self.named.add(table.identifier)
        self.constraints[table.identifier] = name or self._constraint_name(declaration, column)
        return edits

    def _check(self, contents: Mapping[Path, bytes]) -> None:
        """Reads the edited files again: the column has to be there, and the rest still has to be TypeScript."""
        again = read({**contents, **{change.path: change.after for change in self.changes}})
        by_table = {(d.file.path, d.table, d.factory): d for d in again.declarations}
        for declaration in self.declared.values():
            edited = by_table.get((declaration.file.path, declaration.table, declaration.factory))
            if edited is None or edited.file.syntax_error or self._existing(edited) is None:
                self._problem(declaration, "is written in a way that this cannot edit: add the column by hand")

    def _problem(self, declaration: Declaration, what: str) -> None:
        self.problems.append(f"{declaration.table} ({declaration.place}) {what}")

    def _existing(self, declaration: Declaration) -> Column | None:
        """The declaration's cms_id column, where it has the one it is meant to have."""
        found = [c for c in declaration.columns if COLUMN in (c.name, c.key, Casing.SNAKE.column_name(c.key))]
        if not found:
            return None
        column = found[0]
        line = column.node.start_point.row + 1
        if len(found) > 1:
            raise Problem(f"has {len(found)} columns for {COLUMN} (the first on line {line}): keep one of them")
        if not _is_unique_integer(declaration, column):
            raise Problem(
                f"already has another {column.key} (line {line}): "
                "make it integer().unique(), or take it out, and run this again"
            )
        name = column.name or self._casing(declaration).column_name(column.key)
        if name not in (COLUMN, None):
            raise Problem(
                f"already has a {column.key} (line {line}), but without a casing its column is called {name}: "
                f"write integer('{COLUMN}').unique(), and run this again"
            )
        return column

    def _constraint_name(self, declaration: Declaration, column: Column | None) -> str:
        """The name Drizzle gives the unique constraint of this cms_id column, or of the one to be added."""
        if column is not None:
            return given_name(column) or self._kit.constraint_name(declaration.table, column.key, column.name)
        key = self._key(declaration)
        name = COLUMN if self._is_named(declaration, key) else None
        return self._kit.constraint_name(declaration.table, key, name)

    def _name_constraint(self, declaration: Declaration, column: Column, constraint: str) -> Edit:
        """How to give the unique constraint of a cms_id column a name."""
        arguments = column.calls[-1].child_by_field_name("arguments")
        assert arguments is not None  # noqa: S101 - a call has them
        quote = self._quote(declaration.file)
        return Edit(arguments.start_byte, arguments.end_byte, f"({quote}{constraint}{quote})".encode())

    def _add_column(self, declaration: Declaration, id_column: str, constraint: str | None) -> list[Edit]:
        """How to add the column after the id column; without a name for the constraint, Drizzle makes one."""
        if declaration.braces is None:
            raise Problem(f"does not have its columns written out in the declaration: add {KEY} to them by hand")
        casing = self._casing(declaration)
        for beside in declaration.columns:
            if id_column == (beside.name or casing.column_name(beside.key) or Casing.SNAKE.column_name(beside.key)):
                break
        else:
            raise Problem(f"has no column {id_column} written out in its declaration: add {KEY} by hand")
        function, edits = _integer(declaration, beside)
        key, quote = self._key(declaration), self._quote(declaration.file)
        name = f"{quote}{COLUMN}{quote}" if self._is_named(declaration, key) else ""
        unique = f"{quote}{constraint}{quote}" if constraint else ""
        text = f"{beside.quote}{key}{beside.quote}: {function}({name}).unique({unique})"
        return [*edits, *_insert_after(declaration.file.body, declaration.braces, beside.node, text.encode())]

    def _casing(self, declaration: Declaration) -> Casing:
        """How the keys of this declaration become column names."""
        return declaration.factory.casing or (Casing.NONE if self._kit.names_by_table else self._kit.casing)

    def _key(self, declaration: Declaration) -> str:
        """The key of the new column."""
        for columns in self._levels(declaration):
            snake = [c for c in columns if "_" in c.key.strip("_")]
            camel = [c for c in columns if is_multi_word(c.key) and "_" not in c.key]
            if snake or camel:
                return COLUMN if len(snake) > len(camel) else KEY
        return KEY

    def _is_named(self, declaration: Declaration, key: str) -> bool:
        """Whether the new column has to be given its name in so many words."""
        name = self._casing(declaration).column_name(key)
        if name not in (COLUMN, None) or self._is_in_view(declaration):
            return True
        levels = self._levels(declaration)
        # A column of one word shows the style only where no other does.
        shown = [[c for c in columns if is_multi_word(c.key)] for columns in levels]
        nearest = next(filter(None, shown + (levels if name else [])), None)
        if nearest is None:
            return name is None
        return sum(column.name is not None for column in nearest) * 2 > len(nearest)

    def _is_in_view(self, declaration: Declaration) -> bool:
        """Whether a view selects all columns of the table: there drizzle-kit writes their keys, whatever the casing."""
        node: Node | None = declaration.node
        while node is not None and node.type != "variable_declarator":
            node = node.parent
        constant = text_of(part(node, "name")).encode()
        return any(
            name == constant or b" %s as %s " % (constant, name) in body
            for body in self._with_views
            for name in _SELECTS_ALL.findall(body)
        )

    def _levels(self, declaration: Declaration) -> list[list[Column]]:
        """The columns of the declaration, of its file, of all: the nearest that shows something decides."""
        file = [d for d in self.declared.values() if d.file is declaration.file]
        return [
            [c for d in group for c in d.columns if c.calls and KEY != c.key != COLUMN]
            for group in ([declaration], file, self.declared.values())
        ]

    def _quote(self, file: TypeScript) -> str:
        """The quote that most strings of a file are in."""
        quotes = [text_of(node)[:1] for node in walk(file.root) if node.type == "string"]
        return '"' if quotes.count('"') > quotes.count("'") else "'"


def given_name(column: Column) -> str | None:
    """The name that a cms_id column gives its unique constraint in the schema file."""
    return string_value(next(iter(arguments_of(column.calls[-1])), None))


def _is_unique_integer(declaration: Declaration, column: Column) -> bool:
    if len(column.calls) != 2 or text_of(part(part(column.calls[1], "function"), "property")) != "unique":  # noqa: PLR2004 - integer() and unique()
        return False
    of_column, of_unique = map(arguments_of, column.calls)
    if of_column and (len(of_column) > 1 or column.name != COLUMN):
        return False
    if of_unique and (len(of_unique) > 1 or given_name(column) is None):
        return False
    callee = part(column.calls[0], "function")
    if part(callee, "object") is not None:
        return text_of(part(callee, "property")) == "integer"
    specifiers = [*names_in(declaration.parameter), *_specifiers(declaration.file.imports)]
    return "integer" in [s.imported for s in specifiers if s.local == text_of(callee)]


def _integer(declaration: Declaration, beside: Column) -> tuple[str, list[Edit]]:
    """How `integer` is called there, and what has to be added for it."""
    callee = part(beside.calls[0], "function") if beside.calls else None
    file, parameter = declaration.file, declaration.parameter
    core = [one for one in file.imports if one.module == PG_CORE]
    owners = [one.namespace for one in core if one.namespace]
    is_pattern = parameter is not None and parameter.type == "object_pattern"
    if parameter is not None and not is_pattern:
        owners.append(text_of(parameter))
    if text_of(part(callee, "object")) in owners:
        return f"{text_of(part(callee, 'object'))}.integer", []
    if parameter is not None and is_pattern and text_of(callee) not in {s.local for s in _specifiers(file.imports)}:
        taken = _called(names_in(parameter))
        return taken or "integer", [] if taken else _insert_name(file.body, parameter, "integer")
    factory = text_of(part(declaration.node, "function"))
    # Else the application hands Drizzle's functions on, and imports this one where it imports pgTable.
    handed_on = [one for one in file.imports if factory in [s.local for s in one.specifiers]]
    called = _called(_specifiers([*core, *handed_on]))
    if called or owners:
        return called or f"{owners[0]}.integer", []
    return _import_integer(file, core)


def _specifiers(imports: Iterable[Import]) -> list[Specifier]:
    return [specifier for one in imports for specifier in one.specifiers]


def _called(specifiers: Iterable[Specifier]) -> str | None:
    """What `integer` is called by these names."""
    return next((s.local for s in specifiers if s.imported == "integer"), None)


def _import_integer(file: TypeScript, core: Sequence[Import]) -> tuple[str, list[Edit]]:
    local = next(name for name in ("integer", "pgInteger", "drizzleInteger") if name not in file.names)
    text = "integer" if local == "integer" else f"integer as {local}"
    for module in core:
        if module.braces is not None:
            return local, _insert_name(file.body, module.braces, text)
    if not file.imports:
        raise Problem(f"is declared in a file without imports: add {KEY} by hand")
    anchor = file.imports[-1].node
    quote = "'" if "'" in text_of(anchor) else '"'
    end = ";" if text_of(anchor).endswith(";") else ""
    line = f"import {{ {text} }} from {quote}{PG_CORE}{quote}{end}".encode()
    return local, [Edit(anchor.end_byte, anchor.end_byte, _newline(file.body, anchor.start_byte) + line)]


def _insert_after(body: bytes, braces: Node, element: Node, text: bytes) -> list[Edit]:
    """Puts an element after another one in the same braces, on a line of its own where the others have one."""
    comma, following = _comma_and_following(braces, element)
    last = comma or element
    indents = [_indent(body, node) for node in (element, following) if node is not None]
    indent = next((indent for indent in indents if indent is not None), None)
    leads_its_line = comma and _indent(body, comma) is not None and comma.start_point.row > element.end_point.row
    if comma is not None and following is not None and leads_its_line:
        # Commas are in front: what is between this one and its element is the style.
        line = _line_start(body, comma.start_byte)
        beside = following.start_point.row == comma.start_point.row
        lead = body[line : following.start_byte] if beside else b", "
        return [Edit(line, line, lead + text + _newline(body, comma.start_byte))]
    if indent is None or (following or braces.children[-1]).start_point.row == last.end_point.row:
        return [Edit(last.end_byte, last.end_byte, b" " + text + b"," if comma else b", " + text)]
    end = _line_end(body, braces, last)
    line_of_its_own = _newline(body, element.start_byte) + indent + text
    if comma is not None:
        return [Edit(end, end, line_of_its_own + b",")]
    return [Edit(last.end_byte, last.end_byte, b","), Edit(end, end, line_of_its_own)]


def _insert_name(body: bytes, braces: Node, text: str) -> list[Edit]:
    """Puts a name into the braces of an import or a parameter, in its place where they are in order."""
    new, specifiers = text.encode(), names_in(braces)
    if not specifiers:
        inside = braces.start_byte + 1
        return [Edit(inside, inside, b" " + new + (b"," if braces.named_children else b" "))]
    for key in (str, str.lower):
        names = [key(s.imported) for s in specifiers]
        after = next((s.node for s in specifiers if key(s.imported) > key("integer")), None)
        if names == sorted(names) and len(names) > 1 and after is not None:
            indent = _indent(body, after)
            apart = b" " if indent is None else _newline(body, after.start_byte) + indent
            return [Edit(after.start_byte, after.start_byte, new + b"," + apart)]
    last = specifiers[-1].node
    if _comma_and_following(braces, last)[1] is not None:
        # Types may follow the last value.
        return [Edit(last.end_byte, last.end_byte, b", " + new)]
    return _insert_after(body, braces, last, new)


def _newline(body: bytes, at: int) -> bytes:
    """The kind of line end in use around there."""
    end = _line_start(body, at) or body.find(b"\n") + 1
    return b"\r\n" if body[max(end - 2, 0) : end] == b"\r\n" else b"\n"


def _comma_and_following(braces: Node, element: Node) -> tuple[Node | None, Node | None]:
    """The comma after an element in braces, and the element after that."""
    rest = [node for node in braces.children if node.start_byte >= element.end_byte and node.type != "comment"]
    comma = next((node for node in rest if node.type == ","), None)
    return comma, next((node for node in rest if node.is_named), None)


def _line_start(body: bytes, at: int) -> int:
    return body.rfind(b"\n", 0, at) + 1


def _indent(body: bytes, node: Node) -> bytes | None:
    """The white space in front of a node that is the first on its line; None for any other."""
    before = body[_line_start(body, node.start_byte) : node.start_byte]
    return before if not before.strip() else None


def _line_end(body: bytes, braces: Node, node: Node) -> int:
    """Where the line of a node ends, comments and blanks after it included."""
    end, row = node.end_byte, node.end_point.row
    for child in braces.children:
        if child.type == "comment" and child.start_byte >= node.end_byte and child.start_point.row == row:
            end, row = child.end_byte, child.end_point.row
    while end < len(body) and body[end : end + 1] in (b" ", b"\t"):
        end += 1
    while body[end - 1 : end] == b"\r":
        end -= 1
    return end


def _declaration(table: CoreTable, reading: Reading, where: str) -> Declaration | str:
    """The one declaration of a table, or what to say where there is not exactly one."""
    found = [d for d in reading.declarations if d.table == table.identifier and not d.file.syntax_error]
    known = [d for d in found if d.factory.schema_known]
    # A table in the schema the project looks in comes before one that leaves the schema open.
    best = (
        [d for d in known if (d.factory.schema or "public") == table.schema]
        or [d for d in known if d.factory.schema is None]
        or [d for d in found if not d.factory.schema_known]
    )
    if len(best) == 1:
        return best[0]
    if best:
        places = ", ".join(d.place for d in best)
        return f"{table.identifier} is declared {len(best)} times ({places}): name only the files that count as SRC"
    if found:
        return (
            f"{table.identifier} is declared in schema {found[0].factory.schema} ({found[0].place}), "
            f"but the project looks for it in {table.schema}: set the var registry_schema"
        )
    missing = f"no declaration of {table.identifier} was found in {where}"
    if reading.unnamed:
        unnamed = counted(len(reading.unnamed), "table")
        hint = f"{unnamed} there under a name that is worked out, the first in {reading.unnamed[0]}"
        return f"{missing} ({hint}): write the name out"
    return f"{missing}: name the folder that holds its pgTable as SRC (TypeScript, or JavaScript that uses `import`)"
