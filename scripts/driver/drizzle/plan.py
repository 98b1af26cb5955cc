"""Works out everything the drizzle command would change, without changing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from driver.dbt_project import CoreTable
from driver.drizzle import edit
from driver.drizzle.files import Change, nothing_written
from driver.drizzle.kit import Kit, read_kit
from driver.drizzle.migration_sql import Form, Target, marker, whole
from driver.drizzle.migrations import Migration, fill, read_migrations
from driver.drizzle.typescript import Declaration, Reading, TypeScript, read, source_files
from driver.errors import Problem


@dataclass(frozen=True)
class Plan:
    """What the command would do, and what there is to say about it."""

    folder: Path
    """The application's folder."""
    changes: tuple[Change, ...]
    targets: tuple[Target, ...]
    """The core tables as the application's migration names them."""
    id_columns: tuple[str, ...]
    """For each of them the column its cms_id is taken from."""
    notes: tuple[str, ...]

    def sql(self, form: Form) -> str:
        """The SQL of a migration for all core tables: WHOLE or MARKER."""
        return marker(self.targets) if form is Form.MARKER else whole(self.targets, self.id_columns)


def make_plan(
    sources: Sequence[Path],
    tables: Sequence[CoreTable],
    *,
    column_type: str = "integer",
    config: Path | None = None,
    migrations: Path | None = None,
    form: Form | None = None,
    name_constraints: bool = False,
) -> Plan:
    """
    Args:
        sources: files and folders of the application that hold its schema.
        tables: the core tables.
        column_type: the type that the project gives cms_id.
        config: drizzle-kit's configuration file; by default it is looked for from the first source up.
        migrations: drizzle-kit's migrations folder; by default the configuration's `out`.
        form: what the generated migration is to become; None fills it as a whole, and leaves one filled before as it is.
        name_constraints: give the constraints the project's names in the schema files.

    Raises:
        Problem: something is in the way; it names everything that is.
    """
    if column_type != "integer":
        raise Problem(
            f"cms_id is {column_type} in this project, and only integer can be written into schema files",
            do="add the columns by hand",
        )
    kit = read_kit(sources[0], config)
    reading = read(_contents(source_files(sources)))
    problems = [
        f"{file.path} is not valid TypeScript at line {file.syntax_error[0]}, column {file.syntax_error[1]}: mend it first"
        for file in _broken(reading, tables)
        if file.syntax_error
    ]
    declared: dict[str, Declaration] = {}
    for table in tables:
        try:
            declared[table.identifier] = _declaration(table, reading, sources)
        except _NotOne as error:
            if not any(table.identifier.encode() in file.body for file in _broken(reading, tables)):
                problems.append(str(error))
    schema = _Schema(declared, {t.identifier: t for t in tables}, kit, name_constraints)
    problems += schema.problems
    folder = migrations if migrations is not None else kit.out
    found, unreadable = read_migrations(folder, [t.identifier for t in tables])
    problems += unreadable
    filled, obstacles = fill(found, {t.identifier: t.id_column for t in tables}, form)
    problems += obstacles
    if problems:
        raise Problem(nothing_written(problems))
    targets = [
        Target(
            declared[t.identifier].factory.schema,
            t.identifier,
            _in_migrations(t, found) or schema.constraints[t.identifier],
        )
        for t in tables
    ]
    notes = [schema.summary(), *_about_names(tables, targets, kit), *_about_migrations(found, filled, folder, tables)]
    changes = (*schema.changes, *filled)
    return Plan(kit.folder, changes, tuple(targets), tuple(table.id_column for table in tables), tuple(notes))


class _NotOne(Exception):
    """A table that is not declared exactly once."""


class _Schema:
    """The schema files: what they hold of cms_id, and what has to be added."""

    def __init__(
        self, declared: Mapping[str, Declaration], tables: Mapping[str, CoreTable], kit: Kit, name_constraints: bool
    ) -> None:
        self.problems: list[str] = []
        self.constraints: dict[str, str] = {}
        self.changes: list[Change] = []
        self.present = 0
        style = edit.Style(list(declared.values()), kit)
        lacking: dict[Path, list[tuple[Declaration, CoreTable]]] = {}
        for name, declaration in declared.items():
            try:
                column = edit.existing(declaration, kit)
                if column is not None:
                    self.present += 1
                    self.constraints[name] = edit.constraint_of(declaration, column, kit)
                    continue
                edit.column_beside(declaration, tables[name].id_column, kit)
            except edit.CannotEdit as error:
                self._problem(declaration, error)
                continue
            lacking.setdefault(declaration.file.path, []).append((declaration, tables[name]))
            key = style.key(declaration)
            self.constraints[name] = (
                tables[name].constraint
                if name_constraints
                else kit.constraint_name(name, key, edit.COLUMN if style.is_named(declaration, key) else None)
            )
        self.added = sum(map(len, lacking.values()))
        for path, group in lacking.items():
            declarations = [declaration for declaration, _ in group]
            try:
                edits = edit.add_columns(
                    declarations,
                    [table.id_column for _, table in group],
                    [table.constraint if name_constraints else None for _, table in group],
                    style,
                )
            except edit.CannotEdit as error:
                self._problem(declarations[0], error)
                continue
            file = declarations[0].file
            self.changes.append(Change(path, file.content, edit.apply(file, edits)))
        if not self.problems:
            self._check(declared, kit)

    def summary(self) -> str:
        if not self.added:
            return f"all {self.present} core tables have their cms_id column: nothing to change in the schema files"
        already = f", {self.present} have it already" if self.present else ""
        return f"{_count(self.added, 'core table')} to get a cms_id column, in {_count(len(self.changes), 'file')}{already}"

    def _problem(self, declaration: Declaration, error: Exception) -> None:
        self.problems.append(f"{declaration.table} ({_place(declaration)}) {error}")

    def _check(self, declared: Mapping[str, Declaration], kit: Kit) -> None:
        """Reads the edited files again: the column has to be there, and the rest still has to be TypeScript."""
        files = {d.file.path: d.file.content for d in declared.values()}
        again = read(files | {change.path: change.after for change in self.changes})
        by_table = {(d.file.path, d.table, d.factory): d for d in again.declarations}
        for declaration in declared.values():
            edited = by_table.get((declaration.file.path, declaration.table, declaration.factory))
            if edited is None or edited.file.syntax_error or edit.existing(edited, kit) is None:
                self._problem(
                    declaration, edit.CannotEdit("is written in a way that this cannot edit: add cmsId by hand")
                )


def _contents(paths: Sequence[Path]) -> dict[Path, bytes]:
    contents = {}
    for path in paths:
        try:
            contents[path] = path.read_bytes()
        except OSError as error:
            raise Problem(f"{path} cannot be read: {error.strerror}", do="nothing was written") from error
    return contents


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
        raise _NotOne(
            f"{table.identifier} is declared {len(best)} times ({places}): name only the files that count as SRC"
        )
    if found:
        raise _NotOne(
            f"{table.identifier} is declared in schema {found[0].factory.schema} ({_place(found[0])}), "
            f"but the project looks for it in {table.schema}: set the var registry_schema"
        )
    where = ", ".join(map(str, sources))
    if reading.unnamed:
        path, line = reading.unnamed[0]
        hint = (
            f"{_count(len(reading.unnamed), 'table')} there under a name that is worked out, the first in {path}:{line}"
        )
        raise _NotOne(f"no declaration of {table.identifier} was found in {where} ({hint}): write the name out")
    raise _NotOne(
        f"no declaration of {table.identifier} was found in {where}: name the folder that holds its pgTable as SRC"
    )


def _in_migrations(table: CoreTable, migrations: Sequence[Migration]) -> str | None:
    """The constraint's name in the newest migration that adds it."""
    for migration in reversed(migrations):
        for target in migration.found.targets:
            if target.table == table.identifier and target.constraint:
                return target.constraint
    return None


def _about_names(tables: Sequence[CoreTable], targets: Sequence[Target], kit: Kit) -> list[str]:
    expected = {target.constraint.replace(target.table, "{table}", 1) for target in targets}
    wanted = {table.constraint.replace(table.identifier, "{table}", 1) for table in tables}
    other = [(t.constraint, p.constraint) for t, p in zip(targets, tables, strict=True) if t.constraint != p.constraint]
    version = f" {kit.version}" if kit.version else ""
    reason = (
        f"drizzle-kit{version}, casing {kit.casing.value}" if not kit.names_by_table else f"drizzle-kit{version}"
    )
    if not other:
        return [f"constraints: Drizzle and the project agree on {' and '.join(sorted(wanted))} ({reason})"]
    project = " and ".join(sorted(wanted))
    by_file = "name the constraints in the schema files with --name-constraints"
    if len(expected) == 1:
        pattern = expected.pop()
        by_var = f'set cms_id_constraint: "{pattern}" in dbt_project.yml before add_cms_id runs'
        expects = (
            f"constraints: Drizzle expects {pattern} ({reason}), the project's var cms_id_constraint makes {project}"
        )
        return [f"{expects}: {by_var}, or {by_file}"]
    differing = ", ".join(f"{drizzle} for {ours}" for drizzle, ours in other)
    return [f"constraints: Drizzle expects other names than the project ({differing}): {by_file}"]


def _about_migrations(
    found: Sequence[Migration], filled: Sequence[Change], folder: Path, tables: Sequence[CoreTable]
) -> list[str]:
    notes = []
    for migration in found:
        count = _count(len(migration.found.targets), "core table")
        if migration.path in [change.path for change in filled]:
            notes.append(f"migration {migration.path.relative_to(folder)}: SQL to be filled in for {count}")
        elif migration.found.form is Form.CREATED:
            notes.append(
                f"migration {migration.path.relative_to(folder)}: creates {count} with cms_id, nothing to fill in"
            )
        else:
            form = migration.found.form.value
            notes.append(f"migration {migration.path.relative_to(folder)}: filled in already ({form}) for {count}")
    covered = {target.table for migration in found for target in migration.found.targets}
    missing = [table.identifier for table in tables if table.identifier not in covered]
    if missing:
        which = "cms_id" if len(missing) == len(tables) else f"cms_id of {', '.join(missing)}"
        notes.append(
            f"no migration in {folder} adds {which} yet: once the schema files are written, generate it "
            "(drizzle-kit generate), then run this again to have it filled in"
        )
    return notes


def _place(declaration: Declaration) -> str:
    return f"{declaration.file.path}:{declaration.line}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")
