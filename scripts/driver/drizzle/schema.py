"""The application's schema files: what they hold of cms_id, and what has to be added to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.drizzle.declarations import Declaration, Reading, read
from driver.drizzle.edit import CannotEditError, Edit, Editor, apply, given_name
from driver.drizzle.files import Change, counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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
        reading = read(contents)
        self._find(sources, reading, tables)
        self._editor = Editor(list(self.declared.values()), reading.files, kit)
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
            column = self._editor.existing(declaration)
            if column is None:
                edits = self._editor.add_column(declaration, table.id_column, name)
                self._added += 1
            elif name not in (None, given_name(column)):
                edits = [self._editor.name_constraint(declaration, column, table.constraint)]
        except CannotEditError as error:
            self._problem(declaration, error)
            return []
        if name or (column and given_name(column)):
            self.named.add(table.identifier)
        self.constraints[table.identifier] = name or self._editor.constraint_name(declaration, column)
        return edits

    def _check(self, contents: Mapping[Path, bytes]) -> None:
        """Reads the edited files again: the column has to be there, and the rest still has to be TypeScript."""
        again = read({**contents, **{change.path: change.after for change in self.changes}})
        by_table = {(d.file.path, d.table, d.factory): d for d in again.declarations}
        for declaration in self.declared.values():
            edited = by_table.get((declaration.file.path, declaration.table, declaration.factory))
            if edited is None or edited.file.syntax_error or self._editor.existing(edited) is None:
                self._problem(declaration, "is written in a way that this cannot edit: add the column by hand")

    def _problem(self, declaration: Declaration, what: object) -> None:
        self.problems.append(f"{declaration.table} ({declaration.place}) {what}")


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
