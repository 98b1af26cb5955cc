"""Filling a table online, beside a trigger-driven backfill with its index made first, and beside one big UPDATE."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from benchmark.measure import OURS, SECONDS, WAL, Clock, Goal
from benchmark.plan import printed_plan
from benchmark.stage import BASELINED, DATABASE, OWNER, megabytes_since, wal_position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from benchmark.measure import Bench
    from benchmark.stage import Stage

NAME = "online"
STALLS = "online, beside a reader and a writer"
BY_TRIGGER = "pgroll's way"
AT_ONCE = "one UPDATE"
ALONE = "the load alone"
PER_MILLION = "seconds per million rows filled"
RATE = "rows filled per second"
READ, WRITE = "longest read, ms", "longest write, ms"
GOALS = [
    Goal(NAME, PER_MILLION, 0.5, BY_TRIGGER),
    *(Goal(STALLS, quantity, 50, ALONE, kind="excess") for quantity in (READ, WRITE)),
    Goal(NAME, SECONDS, 11, kind="growth", scales=(10.0,)),
]
TABLE = "student_modules"
BATCH = 1_000


def compare(stage: Stage, bench: Bench) -> None:
    """Rows per second, and what a reader and a writer feel meanwhile."""
    with stage.clone(BASELINED):
        plan = printed_plan(stage, "online")

    def ours() -> Mapping[str, float]:
        with stage.clone(BASELINED) as session:
            return _run_plan(session, plan)

    def by_trigger() -> Mapping[str, float]:
        with stage.clone() as session:
            return _backfill_by_trigger(session)

    def at_once() -> Mapping[str, float]:
        with stage.clone() as session:
            return _update_at_once(session)

    bench.compare(NAME, {BY_TRIGGER: by_trigger, AT_ONCE: at_once, OURS: ours})
    lasted = 0.0

    def beside_ours() -> Mapping[str, float]:
        nonlocal lasted
        with stage.clone(BASELINED) as session, _load(stage) as stalls:
            clock = Clock()
            _run_plan(session, plan)
            lasted = clock.seconds()
        return {**stalls, SECONDS: lasted}

    def alone() -> Mapping[str, float]:
        """As long as the migration took: the longest of more statements is longer."""
        with stage.clone(BASELINED), _load(stage) as stalls:
            time.sleep(lasted)
        return stalls

    bench.compare(STALLS, {OURS: beside_ours, ALONE: alone})


def _run_plan(session: psycopg.Connection[Any], plan: Sequence[tuple[str, str]]) -> Mapping[str, float]:
    """The printed plan; its filling statements are sent again until their table is filled, as the macro does.

    Returns:
        figures of the largest table: of filling it, and of everything from the cut-over to its constraint.
    """
    figures: dict[str, float] = {}
    total = 0.0
    for label, statement in plan:
        table = label.split(",")[1].split(":")[0].strip() if label.startswith("table ") else ""
        clock = Clock()
        if not label.partition(":")[2].strip().startswith("fill"):
            session.execute(statement.encode())
        elif table == TABLE:
            figures.update(_filling(session, partial(_fill, session, TABLE, statement)))
        else:
            _fill(session, table, statement)
        if table in ("", TABLE):
            total += clock.seconds()
    return {**figures, SECONDS: total}


def _fill(session: psycopg.Connection[Any], table: str, statement: str) -> None:
    state = "select state from cms_id_audit.migrations where table_name = %s order by migration_id desc limit 1"
    while session.execute(state, (table,)).fetchone() == ("marked",):
        session.execute(statement.encode())


def _filling(session: psycopg.Connection[Any], fill: Callable[[], object]) -> Mapping[str, float]:
    """The figures of filling the table."""
    rows = session.execute(f"select count(*) from {TABLE}").fetchone()[0]  # type: ignore[index]
    position, clock = wal_position(session), Clock()
    fill()
    seconds = clock.seconds()
    return {PER_MILLION: seconds / rows * 1e6, RATE: rows / seconds, WAL: megabytes_since(session, position)}


def _update_at_once(session: psycopg.Connection[Any]) -> Mapping[str, float]:
    """Column, one UPDATE, constraint."""
    clock = Clock()
    session.execute(f"alter table {TABLE} add column cms_id integer")
    figures = _filling(session, lambda: session.execute(f"update {TABLE} set cms_id = id"))
    session.execute(f"alter table {TABLE} add constraint {TABLE}_cms_id_unique unique (cms_id)")
    return {**figures, SECONDS: clock.seconds()}


def _backfill_by_trigger(session: psycopg.Connection[Any]) -> Mapping[str, float]:
    """As pgroll does: unique index first, a row trigger that computes the value, a flag, batches that touch each row."""
    clock = Clock()
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
            select id from {TABLE} where needs_backfill and id > %s order by id limit {BATCH} for no key update
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

    figures = _filling(session, fill)
    session.execute(f"""
        drop function fill_cms_id cascade;
        alter table {TABLE} drop column needs_backfill;
        alter table {TABLE} add constraint {TABLE}_cms_id unique using index {TABLE}_cms_id;
    """)
    return {**figures, SECONDS: clock.seconds()}


@contextmanager
def _load(stage: Stage) -> Iterator[dict[str, float]]:
    """A reader and a writer for the length of the block. Their longest statements are in what it gives, afterwards."""
    ended = threading.Event()
    longest = {READ: 0.0, WRITE: 0.0}
    problems: list[Exception] = []
    with stage.server.connect(DATABASE, OWNER) as session:
        low, high = session.execute(f"select min(id), max(id) from {TABLE}").fetchone()  # type: ignore[misc]

    def work(name: str, statement: str) -> None:
        try:
            with stage.server.connect(DATABASE, OWNER) as own:
                number = 0
                while not ended.is_set():
                    number += 7919
                    clock = Clock()
                    own.execute(statement.encode(), (low + number % (high - low + 1),))
                    longest[name] = max(longest[name], clock.seconds() * 1000)
                    time.sleep(0.001)
        except psycopg.Error as error:
            problems.append(error)

    # columns by name, as an application's own statements have them: a prepared `select *` ends with any new column
    statements = {
        READ: f"select id, semester_module_id, status, marks, grade, credits from {TABLE} where id = %s",
        WRITE: f"update {TABLE} set credits = credits where id = %s",
    }
    jobs = [threading.Thread(target=work, args=item) for item in statements.items()]
    for job in jobs:
        job.start()
    try:
        yield longest
    finally:
        ended.set()
        for job in jobs:
            job.join()
    if problems:
        raise RuntimeError(f"the load ended early: {problems[0]}")
