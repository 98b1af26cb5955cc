"""Compares a restored database with a backup's manifest: every table, every object, every sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from driver.backup import catalogue, fingerprints, sequences
from driver.backup.catalogue import Findings
from driver.backup.session import pinned

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import psycopg

    from driver.backup.manifest import Manifest, Table
    from driver.profile import Connection

SHOWN = 5


def differences(
    connection: Connection,
    manifest: Manifest,
    *,
    jobs: int = 1,
    left_out: Collection[str] = (),
    unproven: Collection[str] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> Findings:
    """What a database has other than the backup.

    Args:
        connection: the restored database, in which nobody else writes.
        manifest: the backup's.
        jobs: how many sessions to use.
        left_out: kinds of objects that were not restored on purpose.
        unproven: tables (`schema.name`) whose rows were not.
        progress: called with "comparison (bytes)", done, total.
    """
    tables = fingerprints.of_all_tables(
        connection,
        jobs=jobs,
        progress=(lambda done, total: progress("comparison (bytes)", done, total)) if progress else None,
    )
    with pinned(connection) as session:
        others = other_differences(session, manifest, connection.audit_schema, left_out)
    return together(table_differences(tables, manifest.tables, unproven), others)


def together(rows: Findings, others: Findings) -> Findings:
    """What differs in the rows of tables and besides, as one."""
    return Findings(rows.differences + others.differences, others.apart + rows.apart, others.rewritten)


def other_differences(
    session: psycopg.Connection[Any], manifest: Manifest, audit_schema: str, left_out: Collection[str] = ()
) -> Findings:
    """What differs besides the tables' rows: large objects, sequences, definitions."""
    lines = []
    found = fingerprints.of_large_objects(session)
    if found != manifest.large_objects:
        lines.append(f"large objects: {found['number']} now, {manifest.large_objects['number']} in the backup")
    lines += sequences.differences(sequences.read(session), manifest.sequences)
    objects = catalogue.differences(
        session,
        [item for item in catalogue.read(session, audit_schema) if item[0] not in left_out],
        [item for item in manifest.catalogue if item[0] not in left_out],
        manifest.server_major,
    )
    return Findings(lines + objects.differences, objects.apart, objects.rewritten)


def table_differences(found: list[Table], wanted: list[Table], unproven: Collection[str] = ()) -> Findings:
    """Which tables are missing, too many, or hold other rows; and of which nobody looked at the rows."""
    there, here = {table.label: table for table in wanted}, {table.label: table for table in found}
    lines = [f"table {label} is missing" for label in sorted(there.keys() - here.keys())]
    lines += [f"table {label} is not in the backup" for label in sorted(here.keys() - there.keys())]
    for label in sorted((there.keys() & here.keys()) - set(unproven)):
        is_, was = here[label], there[label]
        if is_.columns != was.columns:
            lines.append(
                f"table {label} has the columns {', '.join(is_.columns)}, in the backup {', '.join(was.columns)}"
            )
        elif is_.rows != was.rows:
            lines.append(f"table {label} has {is_.rows} rows, in the backup {was.rows}")
        elif (is_.fingerprint_a, is_.fingerprint_b) != (was.fingerprint_a, was.fingerprint_b):
            lines.append(f"table {label} has other content than in the backup")
    apart = sorted(set(unproven) & there.keys())
    return Findings(lines, [f"Not restored and not compared: rows of {', '.join(apart)}"] if apart else [])


def in_short(lines: list[str]) -> str:
    """The first differences, and how many more there are."""
    more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return "; ".join(lines[:SHOWN]) + more
