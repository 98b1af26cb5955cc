"""The window migration, gate included, beside the procedure's SQL and the least that any migration could do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmark import procedure
from benchmark.measure import OURS, PROCEDURE, SECONDS, SIZE, WAL, Clock, Goal
from benchmark.plan import printed_plan
from benchmark.stage import BASELINED, CORE_TABLES, core_size, megabytes_since, wal_position

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import psycopg

    from benchmark.measure import Bench
    from benchmark.stage import Stage

NAME = "window"
FLOOR = "floor"
LOCKED = "seconds under exclusive lock"
GOALS = [
    Goal(NAME, SECONDS, 0.25, PROCEDURE),
    Goal(NAME, WAL, 0.35, PROCEDURE),
    Goal(NAME, SIZE, 0.6, PROCEDURE),
    Goal(NAME, SECONDS, 1.6, FLOOR),
    Goal(NAME, SECONDS, 11, kind="growth", scales=(10.0,)),
]


def compare(stage: Stage, bench: Bench) -> None:
    """Time, WAL, time under exclusive lock, and size of the tables afterwards."""
    with stage.clone(BASELINED):
        plan = printed_plan(stage, "window")

    def ours() -> Mapping[str, float]:
        with stage.clone(BASELINED) as session:
            position, clock, locked = wal_position(session), Clock(), 0.0
            for label, statement in plan:
                session.execute(statement.encode())
                if label.startswith("lock "):
                    locked = clock.seconds()
            ended = clock.seconds()
            return {
                SECONDS: ended,
                LOCKED: ended - locked,
                WAL: megabytes_since(session, position),
                SIZE: core_size(session),
            }

    def theirs() -> Mapping[str, float]:
        with stage.clone() as session:
            position, clock = wal_position(session), Clock()
            session.execute(("begin;" + procedure.migration() + "commit;").encode())
            seconds = clock.seconds()
            return {
                SECONDS: seconds,
                LOCKED: seconds,  # its first statement locks
                WAL: megabytes_since(session, position),
                SIZE: core_size(session),
            }

    def floor() -> Mapping[str, float]:
        with stage.clone() as session:
            statements = [statement for table in CORE_TABLES for statement in _copy(session, table)]
            position, clock = wal_position(session), Clock()
            session.execute(("begin;" + ";".join(statements) + ";commit;").encode())
            return {
                SECONDS: clock.seconds(),
                WAL: megabytes_since(session, position),
                SIZE: core_size(session, "copy_of_"),
            }

    bench.compare(NAME, {PROCEDURE: theirs, FLOOR: floor, OURS: ours})


def _copy(session: psycopg.Connection[Any], table: str) -> list[str]:
    """Statements that write a table with its new column once, and its indexes."""
    indexes = session.execute(
        "select indexdef from pg_indexes where schemaname = 'public' and tablename = %s", (table,)
    ).fetchall()
    return [
        f"create table copy_of_{table} as select *, id as cms_id from {table}",
        *(
            re.sub(rf"INDEX \S+ ON public\.{table} ", f'INDEX "c{number}_{table}" ON copy_of_{table} ', definition)
            for number, (definition,) in enumerate(indexes)
        ),
        f"create unique index on copy_of_{table} (cms_id)",
    ]
