"""What the drizzle command tells beside its diff: constraint names, and where the migrations stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.drizzle.counted import counted
from driver.drizzle.migration_content import Form

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from driver.dbt_project import CoreTable
    from driver.drizzle.files import Change
    from driver.drizzle.kit import Kit
    from driver.drizzle.migration_sql import Target
    from driver.drizzle.migrations import Migration


def about_names(tables: Sequence[CoreTable], targets: Sequence[Target], kit: Kit) -> str:
    """Compares the constraint names that Drizzle expects with the project's, and says what to do where they differ."""
    expected = {target.constraint.replace(target.table, "{table}", 1) for target in targets}
    wanted = {table.constraint.replace(table.identifier, "{table}", 1) for table in tables}
    other = [(t.constraint, p.constraint) for t, p in zip(targets, tables, strict=True) if t.constraint != p.constraint]
    version = f" {kit.version}" if kit.version else ""
    reason = f"drizzle-kit{version}, casing {kit.casing.value}" if not kit.names_by_table else f"drizzle-kit{version}"
    if not other:
        return f"constraints: Drizzle and the project agree on {' and '.join(sorted(wanted))} ({reason})"
    project = " and ".join(sorted(wanted))
    by_file = "name the constraints in the schema files with --name-constraints"
    if len(expected) == 1:
        pattern = expected.pop()
        by_var = f'set cms_id_constraint: "{pattern}" in dbt_project.yml before add_cms_id runs'
        expects = (
            f"constraints: Drizzle expects {pattern} ({reason}), the project's var cms_id_constraint makes {project}"
        )
        return f"{expects}: {by_var}, or {by_file}"
    differing = ", ".join(f"{drizzle} for {ours}" for drizzle, ours in other)
    return f"constraints: Drizzle expects other names than the project ({differing}): {by_file}"


def about_migrations(
    found: Sequence[Migration], filled: Sequence[Change], folder: Path, tables: Sequence[CoreTable]
) -> list[str]:
    """Says which migrations hold cms_id, and what is still to be generated."""
    notes = []
    for migration in found:
        count = counted(len(migration.found.targets), "core table")
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
