"""Compares a restored database with a backup's manifest: every table, every object, every sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from driver.backup import catalogue, fingerprints
from driver.backup.catalogue import Findings
from driver.backup.session import pinned
from driver.errors import Problem
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from collections.abc import Collection

    import psycopg

    from driver.backup.archive import Progress
    from driver.backup.manifest import Manifest, Table
    from driver.backup.store import Backup
    from driver.profile import Connection

SHOWN = 5


def differences(
    connection: Connection,
    manifest: Manifest,
    *,
    jobs: int = 1,
    left_out: Collection[str] = (),
    unproven: Collection[str] = (),
    progress: Progress | None = None,
) -> Findings:
    """What a restored database, in which nobody else writes, has other than the backup.

    Left out are kinds of objects that were not restored on purpose; unproven tables (`schema.name`) whose rows were not.
    """
    tables = fingerprints.of_all_tables(connection, jobs=jobs, step="comparison (bytes)", progress=progress)
    with pinned(connection) as session:
        others = other_differences(session, manifest, connection.audit_schema, left_out)
        rows = table_differences(session, tables, manifest.tables, unproven)
    return together(rows, others)


def together(rows: Findings, others: Findings) -> Findings:
    """What differs in the rows of tables and besides, as one."""
    return Findings(rows.differences + others.differences, others.apart + rows.apart, others.rewritten)


def other_differences(
    session: psycopg.Connection[Any], manifest: Manifest, audit_schema: str, left_out: Collection[str] = ()
) -> Findings:
    """What differs besides the tables' rows: large objects, sequences, definitions."""
    lines = []
    found = fingerprints.of_large_objects(session)
    if {**found, **manifest.large_objects} != found:  # version 1.0 has no second fingerprint
        lines.append(f"large objects: {found['number']} now, {manifest.large_objects['number']} in the backup")
    lines += sequence_differences(fingerprints.of_sequences(session), manifest.sequences)
    objects = catalogue.differences(
        session,
        [item for item in catalogue.read(session, audit_schema) if item[0] not in left_out],
        [item for item in manifest.catalogue if item[0] not in left_out],
        manifest.server_major,
    )
    return Findings(lines + objects.differences, objects.apart, objects.rewritten)


def table_differences(
    session: psycopg.Connection[Any], found: list[Table], wanted: list[Table], unproven: Collection[str] = ()
) -> Findings:
    """Which tables are missing, too many, or hold other rows; and of which nobody looked at the rows."""
    columns = "relation text, column_names text, row_count bigint, fingerprint_a numeric, fingerprint_b numeric"
    recorded, current = (
        catalogue.recordset(session, [_known(table, unproven) for table in tables], columns)
        for tables in (wanted, found)
    )
    said, changed = (render_macro(name, recorded="b", current="c") for name in ("table_change", "fingerprint_change"))
    query = [
        "select 'table ' || coalesce(b.relation, c.relation) || ': ' ||", said, "from (", recorded, ") as b",
        "full join (", current, ") as c on b.relation = c.relation",
        "where b.relation is null or c.relation is null or b.column_names is distinct from c.column_names or", changed,
        "order by 1",
    ]  # fmt: skip
    lines = [row[0] for row in session.execute(" ".join(query).encode())]
    apart = sorted(set(unproven) & {table.label for table in wanted})
    return Findings(lines, [f"Not restored and not compared: rows of {', '.join(apart)}"] if apart else [])


def _known(table: Table, unproven: Collection[str]) -> dict[str, Any]:
    """What a table is compared by, as far as somebody looked at its rows."""
    rows = {
        "column_names": ", ".join(table.columns),
        "row_count": table.rows,
        "fingerprint_a": table.fingerprint_a,
        "fingerprint_b": table.fingerprint_b,
    }
    return {"relation": table.label, **({} if table.label in unproven else rows)}


def sequence_differences(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> list[str]:
    """Which sequences are missing or behind, in words; empty if none is."""
    there = {(sequence["schema"], sequence["name"]): sequence for sequence in found}
    lines = []
    for sequence in wanted:
        label = f"sequence {sequence['schema']}.{sequence['name']}"
        other = there.get((sequence["schema"], sequence["name"]))
        if other is None:
            lines.append(f"{label} is missing")
        elif _is_behind(other, sequence):
            lines.append(f"{label} stands at {other['last_value']}, at the backup at {sequence['last_value']}")
    return lines


def _is_behind(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    if wanted["last_value"] is None or wanted["cycle"]:
        return False
    if found["last_value"] is None:
        return True
    direction = 1 if wanted["increment"] > 0 else -1
    return bool(found["last_value"] * direction < wanted["last_value"] * direction)


def require_same(found: Findings, backup: Backup, do: str) -> None:
    """Refuse what a backup was restored to, unless it is what the backup has."""
    if found.differences:
        raise Problem(
            f"The backup {backup.backup_id} restored to something else: {in_short(found.differences)}",
            where=str(backup.folder),
            do=do,
        )


def in_short(lines: list[str]) -> str:
    """The first differences, and how many more there are."""
    more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return "; ".join(lines[:SHOWN]) + more
