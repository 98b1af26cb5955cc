"""Works out everything the drizzle command would change, without changing anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from driver.drizzle.files import Change, nothing_written
from driver.drizzle.kit import read_kit
from driver.drizzle.migrations import Form, Target, fill, marker, notes, read_migrations, whole
from driver.drizzle.schema import Schema
from driver.drizzle.typescript import source_files
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from driver.dbt_project import CoreTable
    from driver.drizzle.kit import Kit


@dataclass(frozen=True)
class Plan:
    """What the command would do, and what there is to say about it."""

    folder: Path
    """The application's folder."""
    changes: tuple[Change, ...]
    targets: tuple[Target, ...]
    """The core tables as the application's migration names them."""
    id_columns: Mapping[str, str]
    """By core table, the column its cms_id is taken from."""
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
    """Looks at the application, and collects what to change and everything that is in the way.

    Args:
        sources: files and folders of the application that hold its schema.
        tables: the core tables.
        column_type: the type that the project gives cms_id.
        config: drizzle-kit's configuration file; by default it is looked for from the first source up.
        migrations: drizzle-kit's migrations folder; by default the configuration's `out`.
        form: what the generated migration is to become; None fills it as a whole, and leaves alone one filled before.
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
    try:
        contents = {path: path.read_bytes() for path in source_files(sources)}
    except OSError as error:
        raise Problem(f"{error.filename} cannot be read: {error.strerror}", do="nothing was written") from error
    schema = Schema(sources, contents, tables, kit, name_constraints=name_constraints)
    folder = migrations if migrations is not None else kit.out
    id_columns = {table.identifier: table.id_column for table in tables}
    found, unreadable = read_migrations(folder, id_columns)
    filled, obstacles = fill(found, id_columns, form)
    problems = [*schema.problems, *unreadable, *obstacles]
    if problems:
        raise Problem(nothing_written(problems))
    # What drizzle-kit has generated, the newest last, is surer than what it is thought to generate.
    generated = [target for migration in found for target in migration.targets if target.constraint]
    names = schema.constraints | {one.table: one.constraint for one in generated if one.table not in schema.named}
    targets = [Target(schema.declared[table].factory.schema, table, names[table]) for table in id_columns]
    return Plan(
        folder=kit.folder,
        changes=(*schema.changes, *filled),
        targets=tuple(targets),
        id_columns=id_columns,
        notes=(schema.summary(), _about_names(tables, targets, kit), *notes(found, filled, folder, id_columns)),
    )


def _about_names(tables: Sequence[CoreTable], targets: Sequence[Target], kit: Kit) -> str:
    """Compares the constraint names that Drizzle expects with the project's, and says what to do where they differ."""
    expected = {target.constraint.replace(target.table, "{table}", 1) for target in targets}
    wanted = {table.constraint.replace(table.identifier, "{table}", 1) for table in tables}
    other = [(t.constraint, p.constraint) for t, p in zip(targets, tables, strict=True) if t.constraint != p.constraint]
    reason = f"drizzle-kit {kit.version}".rstrip() + ("" if kit.names_by_table else f", casing {kit.casing.value}")
    project = " and ".join(sorted(wanted))
    if not other:
        return f"constraints: Drizzle and the project agree on {project} ({reason})"
    by_file = "name the constraints in the schema files with --name-constraints"
    if len(expected) == 1:
        pattern = expected.pop()
        return (
            f"constraints: Drizzle expects {pattern} ({reason}), the project's var cms_id_constraint makes {project}: "
            f'set cms_id_constraint: "{pattern}" in dbt_project.yml before add_cms_id runs, or {by_file}'
        )
    differing = ", ".join(f"{drizzle} for {ours}" for drizzle, ours in other)
    return f"constraints: Drizzle expects other names than the project ({differing}): {by_file}"
