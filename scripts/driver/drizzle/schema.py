"""The application's schema files: what they hold of cms_id, and what has to be added to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.drizzle import edit
from driver.drizzle.counted import counted
from driver.drizzle.declarations import Declaration, Reading, read
from driver.drizzle.files import Change
from driver.drizzle.style import Style
from driver.drizzle.text_edit import Edit, apply

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from driver.dbt_project import CoreTable
    from driver.drizzle.kit import Kit
    from driver.drizzle.typescript import TypeScript


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
        reading: Reading,
        tables: Sequence[CoreTable],
        kit: Kit,
        *,
        name_constraints: bool,
    ) -> None:
        """Works out what to do.

        Args:
            sources: where the files were looked for.
            reading: what was found in them.
            tables: the core tables.
            kit: how drizzle-kit is set up.
            name_constraints: give the constraints the project's names.
        """
        self.problems: list[str] = []
        self.declared: dict[str, Declaration] = {}
        self.constraints: dict[str, str] = {}
        self.named: set[str] = set()
        self.changes: list[Change] = []
        self._kit = kit
        self._name_constraints = name_constraints
        self._find(sources, reading, tables)
        self._style = Style(list(self.declared.values()), kit)
        self._edits: dict[Path, list[Edit]] = {}
        self._added = 0
        for table in tables:
            if table.identifier in self.declared:
                self._look_at(self.declared[table.identifier], table)
        for path, edits in sorted(self._edits.items()):
            file = next(file for file in reading.files if file.path == path)
            self.changes.append(Change(path, file.content, apply(file, edits)))
        if not self.problems:
            self._check({file.path: file.content for file in reading.files})

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
        broken = _broken(reading, tables)
        self.problems += [
            f"{file.path} is not valid TypeScript at line {file.syntax_error[0]}, column {file.syntax_error[1]}: "
            "mend it first"
            for file in broken
            if file.syntax_error
        ]
        for table in tables:
            try:
                self.declared[table.identifier] = _declaration(table, reading, sources)
            except _NotOneError as error:
                # It may well stand in a file that cannot be read.
                if not any(table.identifier.encode() in file.body for file in broken):
                    self.problems.append(str(error))

    def _look_at(self, declaration: Declaration, table: CoreTable) -> None:
        """Works out what one declaration needs."""
        name = table.constraint if self._name_constraints else None
        edits = self._edits.setdefault(declaration.file.path, [])
        try:
            column = edit.existing(declaration, self._kit)
            if column is None:
                added = edit.add_column(declaration, table.id_column, name, self._style)
                # An import is added once, however many tables of the file need it.
                edits += [one for one in added if one not in edits]
                self._added += 1
        except edit.CannotEditError as error:
            self._problem(declaration, error)
            return
        if column is not None:
            given = edit.given_name(column)
            if name is not None and name != given:
                edits.append(edit.name_constraint(declaration, column, name, self._style))
            name = name or given
            drizzles = edit.constraint_of(declaration, column, self._kit)
        else:
            drizzles = self._style.constraint_name(declaration)
        if name:
            self.named.add(table.identifier)
        self.constraints[table.identifier] = name or drizzles
        if not edits:
            del self._edits[declaration.file.path]

    def _check(self, contents: dict[Path, bytes]) -> None:
        """Reads the edited files again: the column has to be there, and the rest still has to be TypeScript."""
        again = read(contents | {change.path: change.after for change in self.changes})
        by_table = {(d.file.path, d.table, d.factory): d for d in again.declarations}
        for declaration in self.declared.values():
            edited = by_table.get((declaration.file.path, declaration.table, declaration.factory))
            if edited is None or edited.file.syntax_error or edit.existing(edited, self._kit) is None:
                self._problem(declaration, "is written in a way that this cannot edit: add the column by hand")

    def _problem(self, declaration: Declaration, what: object) -> None:
        self.problems.append(f"{declaration.table} ({_place(declaration)}) {what}")


class _NotOneError(Exception):
    """A table that is not declared exactly once."""


def _broken(reading: Reading, tables: Sequence[CoreTable]) -> list[TypeScript]:
    """The files with syntax errors that may hold a core table."""
    words = [b"pgTable", b"pgSchema", b"pg-core", *(table.identifier.encode() for table in tables)]
    return [file for file in reading.files if file.syntax_error and any(word in file.body for word in words)]


def _declaration(table: CoreTable, reading: Reading, sources: Sequence[Path]) -> Declaration:
    found = [d for d in reading.declarations if d.table == table.identifier and not d.file.syntax_error]
    # A table in the schema the project looks in comes before one that leaves the schema open.
    ranks = [
        [d for d in found if d.factory.schema_known and (d.factory.schema or "public") == table.schema],
        [d for d in found if d.factory.schema_known and d.factory.schema is None],
        [d for d in found if not d.factory.schema_known],
    ]
    best = next((rank for rank in ranks if rank), [])
    if len(best) == 1:
        return best[0]
    if best:
        places = ", ".join(map(_place, best))
        raise _NotOneError(
            f"{table.identifier} is declared {len(best)} times ({places}): name only the files that count as SRC"
        )
    if found:
        raise _NotOneError(
            f"{table.identifier} is declared in schema {found[0].factory.schema} ({_place(found[0])}), "
            f"but the project looks for it in {table.schema}: set the var registry_schema"
        )
    where = ", ".join(map(str, sources))
    if reading.unnamed:
        path, line = reading.unnamed[0]
        unnamed = counted(len(reading.unnamed), "table")
        hint = f"{unnamed} there under a name that is worked out, the first in {path}:{line}"
        raise _NotOneError(f"no declaration of {table.identifier} was found in {where} ({hint}): write the name out")
    raise _NotOneError(
        f"no declaration of {table.identifier} was found in {where}: name the folder that holds its pgTable as SRC"
        " (TypeScript, or JavaScript that uses `import`)"
    )


def _place(declaration: Declaration) -> str:
    return f"{declaration.file.path}:{declaration.line}"
