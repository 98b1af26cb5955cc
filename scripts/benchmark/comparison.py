"""Rows compared by value, beside reladiff on the same pair of tables."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmark.measure import Comparison, Goal
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import psycopg

    from benchmark.measure import Figure
    from benchmark.stage import Stage

NAME = "rows compared, {changes} changed"
CHANGES = (0, 1, 1_000, 100_000)
GOALS = [
    Goal(NAME.format(changes="0"), "seconds", "cmsid", "reladiff", 0.5),
    Goal(NAME.format(changes="1,000"), "seconds", "cmsid", "reladiff", 0.2),
]
TABLE = "student_modules"


def compare(stage: Stage, rounds: int) -> list[Figure]:
    """The largest table against its copy, identical and with rows changed."""
    figures: list[Figure] = []
    with stage.clone() as session:
        total = session.execute(f"select count(*) from {TABLE}").fetchone()[0]  # type: ignore[index]
        for changes in CHANGES:
            if changes > total / 2:
                continue
            session.execute("drop table if exists copy_of_it")
            session.execute(f"create table copy_of_it as select * from {TABLE}")
            session.execute("alter table copy_of_it add primary key (id)")
            session.execute(
                "update copy_of_it set credits = credits + 1 where id in"
                " (select id from copy_of_it order by hashint4(id) limit %s)",
                (changes,),
            )
            session.execute("vacuum analyze copy_of_it")
            query = _query(session)

            def ours(query: str = query, expected: int = changes) -> Mapping[str, float]:
                began = time.perf_counter()
                found = session.execute(query.encode()).fetchall()
                return _checked(time.perf_counter() - began, len(found), expected)

            def reladiff(expected: int = changes) -> Mapping[str, float]:
                began = time.perf_counter()
                lines = _reladiff(stage, session)
                # it tells a changed row as one line of either side
                return _checked(time.perf_counter() - began, lines // 2, expected)

            name = NAME.format(changes=f"{changes:,}")
            figures += Comparison(name, stage.scale, rounds).measure({"cmsid": ours, "reladiff": reladiff})
    return figures


def _checked(seconds: float, found: int, expected: int) -> Mapping[str, float]:
    """A comparison that misses a row has no time."""
    if found != expected:
        raise RuntimeError(f"{found} differences found where there are {expected}")
    return {"seconds": seconds}


def _columns(session: psycopg.Connection[Any]) -> list[str]:
    rows = session.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
        (TABLE,),
    )
    return [name for (name,) in rows]


def _query(session: psycopg.Connection[Any]) -> str:
    """The very query of the project's own tests."""
    columns = [{"name": name, "quoted": f'"{name}"', "comparable": f'"{name}"'} for name in _columns(session)]
    return render_macro(
        "value_differences",
        table_name=TABLE,
        expected="select * from copy_of_it",
        actual=f"select * from {TABLE}",
        key="id",
        columns=columns,
    )


def _reladiff(stage: Stage, session: psycopg.Connection[Any]) -> int:
    """Run reladiff over all columns, in this process, so that its start does not count. Returns its lines of differences."""
    import reladiff

    settings = stage.environment()
    uri = "postgresql://{PGUSER}:{PGPASSWORD}@{PGHOST}:{PGPORT}/{PGDATABASE}".format(**settings)
    others = tuple(name for name in _columns(session) if name != "id")
    sides = [reladiff.connect_to_table(uri, table, "id", extra_columns=others) for table in ("copy_of_it", TABLE)]
    try:
        return sum(1 for _ in reladiff.diff_tables(*sides))
    finally:
        for side in sides:
            side.database.close()
