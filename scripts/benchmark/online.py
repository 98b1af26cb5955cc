"""Filling a table online, beside a trigger-driven backfill with its index made first, and beside one big UPDATE."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmark.measure import Comparison, Goal
from benchmark.stage import DATABASE, OWNER, megabytes_since, wal_position
from benchmark.window import steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    import psycopg

    from benchmark.measure import Figure
    from benchmark.stage import Stage

NAME = "online"
STALLS = "online, with a reader and a writer"
GOALS = [Goal(NAME, "seconds per million rows filled", "cmsid", "trigger and batches of 1,000", 0.5)]
TABLE = "student_modules"
QUIET_SECONDS = 3.0


def compare(stage: Stage, rounds: int) -> list[Figure]:
    """Rows per second, and what a reader and a writer feel meanwhile."""
    with stage.clone("baselined"):
        plan = steps(stage.dbt("--quiet", "run-operation", "add_cms_id", "--args", "{dry_run: true, mode: online}"))

    def ours() -> Mapping[str, float]:
        with stage.clone("baselined") as session:
            return _run_plan(session, plan)

    def by_trigger() -> Mapping[str, float]:
        with stage.clone() as session:
            return _backfill_by_trigger(session)

    def at_once() -> Mapping[str, float]:
        with stage.clone() as session:
            session.execute(f"alter table {TABLE} add column cms_id integer")
            return _filling(session, lambda: session.execute(f"update {TABLE} set cms_id = id"))

    figures = Comparison(NAME, stage.scale, rounds).measure(
        {"cmsid": ours, "trigger and batches of 1,000": by_trigger, "one UPDATE": at_once}
    )

    def alone() -> Mapping[str, float]:
        with stage.clone("baselined"), _load(stage) as stalls:
            time.sleep(QUIET_SECONDS)
        return stalls

    def beside_ours() -> Mapping[str, float]:
        with stage.clone("baselined") as session, _load(stage) as stalls:
            _run_plan(session, plan)
        return stalls

    return figures + Comparison(STALLS, stage.scale, rounds).measure({"load alone": alone, "cmsid": beside_ours})


def _run_plan(session: psycopg.Connection[Any], plan: list[tuple[str, str]]) -> Mapping[str, float]:
    """The printed plan; its filling statements are sent again until their table is filled, as the macro does."""
    figures: Mapping[str, float] = {}
    for label, statement in plan:
        if not label.partition(":")[2].strip().startswith("fill"):
            session.execute(statement.encode())
        elif f" {TABLE}:" in label:
            figures = _filling(session, lambda text=statement: _fill(session, TABLE, text))  # type: ignore[misc]
        else:
            _fill(session, label.split(",")[1].split(":")[0].strip(), statement)
    return figures


def _fill(session: psycopg.Connection[Any], table: str, statement: str) -> None:
    state = "select state from cms_id_audit.migrations where table_name = %s order by migration_id desc limit 1"
    while session.execute(state, (table,)).fetchone() == ("marked",):
        session.execute(statement.encode())


def _filling(session: psycopg.Connection[Any], fill: Callable[[], object]) -> Mapping[str, float]:
    """The figures of filling the table."""
    rows = session.execute(f"select count(*) from {TABLE}").fetchone()[0]  # type: ignore[index]
    position, began = wal_position(session), time.perf_counter()
    fill()
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "seconds per million rows filled": seconds / rows * 1e6,
        **megabytes_since(session, position),
    }


def _backfill_by_trigger(session: psycopg.Connection[Any]) -> Mapping[str, float]:
    """Unique index first, a row trigger that computes the value, a flag column, batches of 1,000 that touch each row."""
    session.execute(f"""
        alter table {TABLE} add column cms_id integer, add column needs_backfill boolean default true;
        create function fill_cms_id() returns trigger language plpgsql as $$
        begin
            new.cms_id := new.id;
            new.needs_backfill := false;
            return new;
        end
        $$;
        create trigger fill_cms_id before insert or update on {TABLE} for each row execute function fill_cms_id();
    """)
    session.execute(f"create unique index concurrently {TABLE}_cms_id on {TABLE} (cms_id)")
    batch = f"""
        with batch as (
            select id from {TABLE} where id > %s order by id limit 1000 for no key update
        ),
        touched as (
            update {TABLE} as t set id = t.id from batch as b where t.id = b.id returning t.id
        )
        select max(id) from touched
    """

    def fill() -> None:
        last: int | None = -1
        while last is not None:
            last = session.execute(batch.encode(), (last,)).fetchone()[0]  # type: ignore[index]

    return _filling(session, fill)


@contextmanager
def _load(stage: Stage) -> Iterator[dict[str, float]]:
    """A reader and a writer for the length of the block. Their longest statements are in what it gives, afterwards."""
    ended = threading.Event()
    longest: dict[str, float] = {"longest read, ms": 0.0, "longest write, ms": 0.0}
    with stage.server.connect(DATABASE, OWNER) as session:
        low, high = session.execute(f"select min(id), max(id) from {TABLE}").fetchone()  # type: ignore[misc]

    def work(name: str, statement: str) -> None:
        with stage.server.connect(DATABASE, OWNER) as own:
            number = 0
            while not ended.is_set():
                number += 7919
                began = time.perf_counter()
                own.execute(statement.encode(), (low + number % (high - low + 1),))
                longest[name] = max(longest[name], (time.perf_counter() - began) * 1000)
                time.sleep(0.001)

    jobs = [
        threading.Thread(target=work, args=("longest read, ms", f"select * from {TABLE} where id = %s")),
        threading.Thread(
            target=work, args=("longest write, ms", f"update {TABLE} set credits = credits where id = %s")
        ),
    ]
    for job in jobs:
        job.start()
    try:
        yield longest
    finally:
        ended.set()
        for job in jobs:
            job.join()
