"""What is read of a database's content: fingerprints of all tables, several at a time, large objects, sequences."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from driver.backup.manifest import Table
from driver.backup.session import join_snapshot, one_row, pinned
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from driver.backup.archive import Progress
    from driver.profile import Connection

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


def tables(session: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """Schema and name of every table there is, without waiting for a lock on any: asking for a size takes one."""
    query = "select distinct schema_name::text, relation_name::text from ({}) as c order by 1, 2"
    return session.execute(query.replace("{}", render_macro("comparable_columns")).encode()).fetchall()


def queries(session: psycopg.Connection[Any]) -> list[Query]:
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
    progress: Progress | None = None,
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
                    if progress:
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


def read_one(session: psycopg.Connection[Any], query: Query) -> Table:
    """One table's fingerprint."""
    row = one_row(session, query.text)
    return Table(query.schema, query.name, query.columns, row[0], str(row[1]), str(row[2]), query.bytes)


@contextmanager
def _reading(session: psycopg.Connection[Any], snapshot: str | None) -> Iterator[None]:
    """A reading transaction, in the snapshot if there is one."""
    if not snapshot:
        yield
        return
    join_snapshot(session, snapshot)
    yield
    session.execute("commit")


def of_large_objects(session: psycopg.Connection[Any]) -> dict[str, str]:
    """The number and the two fingerprints of the large objects this session may read."""
    number, fingerprint, mixed = one_row(
        session,
        "select count(*), coalesce(sum(h.hash), 0), coalesce(sum(hashint8extended(h.hash, 1)), 0)"
        " from (select hash_record_extended(row(oid, pg_catalog.lo_get(oid)), 0) as hash"
        " from pg_catalog.pg_largeobject_metadata offset 0) as h",
    )
    return {"number": str(number), "fingerprint": str(fingerprint), "mixed": str(mixed)}


def of_sequences(session: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Every sequence, with where it is. They are outside every snapshot: a restored one may be further than at the backup."""
    return [row[0] for row in session.execute(SEQUENCES).fetchall()]
