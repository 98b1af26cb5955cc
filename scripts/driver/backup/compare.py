"""Compares a restored database with a backup's manifest: every table, every object, every sequence.

What is compared is read here for the manifest as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from driver.backup import Progress, catalogue, silent, store
from driver.backup.catalogue import Findings
from driver.backup.manifest import Manifest, Table
from driver.backup.session import Session, join_snapshot, one_row, pinned
from driver.errors import Problem
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from driver.profile import Connection

SHOWN = 5
# A sequence that was never used has no last value; it stands before its start.
SEQUENCES = """
select json_build_object(
    'schema', schemaname, 'name', sequencename, 'increment', increment_by, 'cycle', cycle,
    'last_value', last_value, 'start', start_value
)
from pg_catalog.pg_sequences
where schemaname !~ '^pg_'
order by schemaname, sequencename
"""


@dataclass(frozen=True)
class Query:
    """How to read one table's fingerprint, and how large it is: its bytes, and about how many rows."""

    schema: str
    name: str
    columns: list[str]
    text: str
    bytes: int
    rows: int


def tables(session: Session) -> list[tuple[str, str]]:
    """Schema and name of every table there is, without waiting for a lock on any: asking for a size takes one."""
    query = "select distinct schema_name::text, relation_name::text from ({}) as c order by 1, 2"
    return session.execute(query.replace("{}", render_macro("comparable_columns")).encode()).fetchall()


def queries(session: Session) -> list[Query]:
    """One query for every table there is, the largest first."""
    query = (
        "select schema_name, relation_name, column_names, fingerprint_query,"
        " pg_catalog.pg_table_size(c.oid), greatest(c.reltuples, 0)::bigint from ({}) as q"
        " inner join pg_catalog.pg_class as c on format('%I.%I', schema_name, relation_name)::regclass = c.oid"
        " order by 5 desc, 1, 2"
    )
    rows = session.execute(query.replace("{}", render_macro("fingerprint_queries")).encode()).fetchall()
    return [Query(*row) for row in rows]


def of_all_tables(
    connection: Connection,
    *,
    snapshot: str | None = None,
    jobs: int = 1,
    step: str = "fingerprints (bytes)",
    progress: Progress = silent,
    stop: Event | None = None,
) -> list[Table]:
    """The fingerprint of every table, in an exported snapshot; without one, each session reads its own moment.

    The progress goes by the tables' sizes. Once `stop` is set, no further table is begun, and what is returned is not whole.
    """
    stop = stop or Event()
    with pinned(connection) as session, _reading(session, snapshot):
        todo = queries(session)
    total, done, results = sum(query.bytes for query in todo), 0, []
    remaining, lock = iter(todo), Lock()

    def work() -> None:
        nonlocal done
        with pinned(connection) as session:
            while not stop.is_set():
                with lock:
                    query = next(remaining, None)
                if query is None:
                    return
                # its own transaction: else the locks of all tables and their indexes would add up
                with _reading(session, snapshot):
                    table = read_one(session, query)
                with lock:
                    results.append(table)
                    done += query.bytes
                    progress(step, done, total)

    workers = max(1, min(jobs, len(todo)))
    with ThreadPoolExecutor(workers) as pool:
        try:
            for worker in [pool.submit(work) for _ in range(workers)]:
                worker.result()
        except BaseException:
            stop.set()
            raise
    return sorted(results, key=lambda table: (table.schema, table.name))


def read_one(session: Session, query: Query) -> Table:
    """One table's fingerprint."""
    row = one_row(session, query.text)
    return Table(query.schema, query.name, query.columns, row[0], str(row[1]), str(row[2]), query.bytes)


@contextmanager
def _reading(session: Session, snapshot: str | None) -> Iterator[None]:
    """A reading transaction in the snapshot, if there is one."""
    if snapshot:
        join_snapshot(session, snapshot)
    yield
    if snapshot:
        session.execute("commit")


def of_large_objects(session: Session) -> dict[str, str]:
    """The number and the two fingerprints of the large objects this session may read."""
    number, fingerprint, mixed = one_row(
        session,
        "select count(*), coalesce(sum(h.hash), 0), coalesce(sum(hashint8extended(h.hash, 1)), 0)"
        " from (select hash_record_extended(row(oid, pg_catalog.lo_get(oid)), 0) as hash"
        " from pg_catalog.pg_largeobject_metadata offset 0) as h",
    )
    return {"number": str(number), "fingerprint": str(fingerprint), "mixed": str(mixed)}


def of_sequences(session: Session) -> list[dict[str, Any]]:
    """Every sequence, with where it is. They are outside every snapshot: a restored one may be further than at the backup."""
    return [row[0] for row in session.execute(SEQUENCES).fetchall()]


def differences(
    connection: Connection,
    manifest: Manifest,
    *,
    jobs: int = 1,
    left_out: Collection[str] = (),
    unproven: Collection[str] = (),
    progress: Progress = silent,
) -> Findings:
    """What a restored database, in which nobody else writes, has other than the backup.

    Left out are kinds of objects that were not restored on purpose; unproven tables (`schema.name`) whose rows were not.
    """
    tables = of_all_tables(connection, jobs=jobs, step="comparison (bytes)", progress=progress)
    with pinned(connection) as session:
        return compared(session, tables, manifest, connection.audit_schema, left_out=left_out, unproven=unproven)


def compared(
    session: Session,
    tables: list[Table],
    manifest: Manifest,
    audit_schema: str,
    *,
    left_out: Collection[str] = (),
    unproven: Collection[str] = (),
) -> Findings:
    """The same, of tables that were read already."""
    rows = table_differences(session, tables, manifest.tables, unproven)
    others = other_differences(session, manifest, audit_schema, left_out)
    return Findings(rows.differences + others.differences, others.apart + rows.apart, others.rewritten)


def other_differences(
    session: Session, manifest: Manifest, audit_schema: str, left_out: Collection[str] = ()
) -> Findings:
    """What differs besides the tables' rows: large objects, sequences, definitions."""
    lines = []
    found = of_large_objects(session)
    if {**found, **manifest.large_objects} != found:  # version 1.0 has no second fingerprint
        lines.append(f"large objects: {found['number']} now, {manifest.large_objects['number']} in the backup")
    lines += sequence_differences(of_sequences(session), manifest.sequences)
    objects = catalogue.differences(
        session,
        [item for item in catalogue.read(session, audit_schema) if item[0] not in left_out],
        [item for item in manifest.catalogue if item[0] not in left_out],
        manifest.server_major,
    )
    return Findings(lines + objects.differences, objects.apart, objects.rewritten)


def table_differences(
    session: Session, found: list[Table], wanted: list[Table], unproven: Collection[str] = ()
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
    now, then = found["last_value"], wanted["last_value"]
    if then is None or wanted["cycle"]:
        return False
    return now is None or bool(now < then if wanted["increment"] > 0 else now > then)


def require_same(found: Findings, backup: store.Backup, do: str) -> None:
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
