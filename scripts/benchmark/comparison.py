"""Rows compared by value, beside reladiff on the same pair of tables."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
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
    """Run reladiff over all columns. Returns how many lines of differences it prints."""
    settings = stage.environment()
    uri = "postgresql://{PGUSER}:{PGPASSWORD}@{PGHOST}:{PGPORT}/{PGDATABASE}".format(**settings)
    options = [option for name in _columns(session) if name != "id" for option in ("-c", name)]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "reladiff"), uri, TABLE, uri, "copy_of_it", "-k", "id", *options, "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=settings,
    )
    if done.returncode:
        raise RuntimeError(f"reladiff ended with {done.returncode}: {done.stderr[-1000:]}")
    return sum(line.startswith("[") for line in done.stdout.splitlines())
