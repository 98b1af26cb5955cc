"""The window migration, gate included, beside the procedure's SQL and the least that any migration could do."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from benchmark import procedure
from benchmark.measure import Comparison, Goal
from benchmark.stage import CORE_TABLES, core_size, megabytes_since, wal_position

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import psycopg

    from benchmark.measure import Figure
    from benchmark.stage import Stage

NAME = "window"
GOALS = [
    Goal(NAME, "seconds", "cmsid", "procedure", 0.25),
    Goal(NAME, "WAL, MB", "cmsid", "procedure", 0.35),
    Goal(NAME, "size after, MB", "cmsid", "procedure", 0.6),
    Goal(NAME, "seconds", "cmsid", "floor", 1.6),
]


def compare(stage: Stage, rounds: int) -> list[Figure]:
    """Time, WAL, time under exclusive lock, and size of the tables afterwards."""
    with stage.clone("baselined"):
        plan = steps(stage.dbt("--quiet", "run-operation", "add_cms_id", "--args", "{dry_run: true}"))

    def ours() -> Mapping[str, float]:
        with stage.clone("baselined") as session:
            position, began, locked = wal_position(session), time.perf_counter(), 0.0
            for label, statement in plan:
                session.execute(statement.encode())
                if label.startswith("lock "):
                    locked = time.perf_counter()
            ended = time.perf_counter()
            return {
                "seconds": ended - began,
                "seconds under exclusive lock": ended - locked,
                **megabytes_since(session, position),
                "size after, MB": core_size(session),
            }

    def theirs() -> Mapping[str, float]:
        with stage.clone() as session:
            position, began = wal_position(session), time.perf_counter()
            session.execute(("begin;" + procedure.migration() + "commit;").encode())
            seconds = time.perf_counter() - began
            return {
                "seconds": seconds,
                "seconds under exclusive lock": seconds,
                **megabytes_since(session, position),
                "size after, MB": core_size(session),
            }

    def floor() -> Mapping[str, float]:
        with stage.clone() as session:
            statements = [statement for table in CORE_TABLES for statement in _copy(session, table)]
            position, began = wal_position(session), time.perf_counter()
            session.execute(("begin;" + ";".join(statements) + ";commit;").encode())
            return {"seconds": time.perf_counter() - began, **megabytes_since(session, position)}

    return Comparison(NAME, stage.scale, rounds).measure({"procedure": theirs, "floor": floor, "cmsid": ours})


def steps(script: str) -> list[tuple[str, str]]:
    """A printed plan as (label, statement)."""
    parts = re.split(r"^-- \d+ of \d+: (.*)$", script, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def _copy(session: psycopg.Connection[Any], table: str) -> list[str]:
    """Statements that write a table with its new column once, and its indexes."""
    indexes = session.execute(
        "select indexdef, indexname from pg_indexes where schemaname = 'public' and tablename = %s", (table,)
    ).fetchall()
    return [
        f"create table copy_of_{table} as select *, id as cms_id from {table}",
        *(
            re.sub(rf"INDEX \S+ ON public\.{table} ", f'INDEX "c{number}_{table}" ON copy_of_{table} ', definition)
            for number, (definition, _) in enumerate(indexes)
        ),
        f"create unique index on copy_of_{table} (cms_id)",
    ]
