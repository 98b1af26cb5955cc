"""Rows and chains compared by value, beside reladiff on the same pairs of tables."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmark import procedure
from benchmark.jobs import TABLE, growth
from benchmark.measure import OURS, SECONDS, Clock, Goal
from benchmark.stage import number
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import psycopg

    from benchmark.measure import Bench
    from benchmark.stage import Stage

    Session = psycopg.Connection[Any]

CHANGES = (0, 1, 1_000, 100_000)
CHAIN = "student_modules_chain"
KEYS = {
    CHAIN: "student_module_id",
    "student_school_chain": "student_program_id",
    "assessment_marks_chain": "assessment_mark_id",
    "module_prerequisites_chain": "prereq_id",
}
CHANGED = {"rows": "credits", "chains": "module_id"}
RELADIFF = "reladiff"


def _name(what: str, changes: int) -> str:
    return f"{what} compared, {changes:,} changed" if changes else f"{what} compared, identical"


GOALS = [
    goal
    for what in CHANGED
    for goal in (
        Goal(_name(what, 0), SECONDS, 0.5, RELADIFF),
        Goal(_name(what, 1_000), SECONDS, 0.2, RELADIFF),
        growth(_name(what, 0)),
    )
]


class _Pair(NamedTuple):
    """Two tables to be compared, the first as it was, the second as it is."""

    before: str
    after: str
    key: str
    columns: list[str]


def compare(stage: Stage, bench: Bench) -> None:
    """The largest table against its copy, and the four chains against theirs, identical and with rows changed."""
    with stage.clone() as session:
        _copy(session, f"select * from {TABLE}", "copy_of_rows", "id")
        _compare_pairs(stage, session, bench, "rows", [_pair(session, "copy_of_rows", TABLE, "id")])
        pairs = []
        for chain, key in KEYS.items():
            for name in (f"{chain}_before", f"{chain}_after"):
                _copy(session, procedure.chain_query(chain), name, key)
            pairs.append(_pair(session, f"{chain}_before", f"{chain}_after", key))
        _compare_pairs(stage, session, bench, "chains", pairs)


def _copy(session: Session, query: str, name: str, key: str) -> None:
    for statement in (f"create table {name} as {query}", f"alter table {name} add primary key ({key})"):
        session.execute(statement.encode())
    session.execute(f"vacuum analyze {name}".encode())


def _pair(session: Session, before: str, after: str, key: str) -> _Pair:
    description = session.execute(f"select * from {after} limit 0".encode()).description or []
    return _Pair(before, after, key, [column.name for column in description])


def _compare_pairs(stage: Stage, session: Session, bench: Bench, what: str, pairs: Sequence[_Pair]) -> None:
    """Compare with ever more rows of the first pair changed."""
    column, key, first = CHANGED[what], pairs[0].key, pairs[0].before
    total, changed = number(session, f"select count(*) from {first}"), 0
    for changes in CHANGES:
        if changes > total / 2:
            continue
        # the order is one that spreads them, and the same each time, so that those changed before are left out
        session.execute(
            f"update {first} set {column} = {column} + 1 where {key} in (select {key} from {first}"
            f" order by hashint4({key}) limit %s offset %s)".encode(),
            (changes - changed, changed),
        )
        changed = changes
        session.execute(f"vacuum analyze {first}".encode())

        def checked(seconds: float, found: int, expected: int = changes) -> Mapping[str, float]:
            """A comparison that misses a row has no time."""
            if found != expected:
                raise RuntimeError(f"it found {found:,} differences where there are {expected:,}")
            return {SECONDS: seconds}

        turns = {
            RELADIFF: lambda checked=checked: checked(*_reladiff(stage, pairs)),
            OURS: lambda checked=checked: checked(*_ours(session, pairs, indexed=what == "rows")),
        }
        bench.compare(_name(what, changes), turns)


def _ours(session: Session, pairs: Sequence[_Pair], *, indexed: bool) -> tuple[float, int]:
    """The very query of the project's own tests, planned as they have it: seconds, and the differences found."""
    queries = []
    for pair in pairs:
        names = {name: f'"{name}"' for name in pair.columns}
        columns = [
            {"name": name, "quoted": quoted, "comparable": f"{{}}.{quoted}", "hashed": quoted}
            for name, quoted in names.items()
        ]
        before, after = (f"select * from {table}" for table in (pair.before, pair.after))
        shared = {"key": pair.key, "columns": columns}
        if indexed:
            query = render_macro("value_differences", table_name=pair.after, expected=before, actual=after, **shared)
        else:  # the fingerprint of the links as they were is made here, too, as reladiff hashes both sides
            recorded = render_macro("fingerprint_query", from_item=f"({before}) as links", columns=columns)
            links = {"recorded": recorded, "links": f"({after}) as links", "kept": before, "live": after}
            query = render_macro("link_differences", chain=pair.after, **links, **shared)
        queries.append(query)
    plan = render_macro("plan_comparison", indexed=indexed)
    clock = Clock()
    with session.transaction():
        session.execute(plan.encode())
        found = sum(len(session.execute(query.encode()).fetchall()) for query in queries)
    return clock.seconds(), found


def _reladiff(stage: Stage, pairs: Sequence[_Pair]) -> tuple[float, int]:
    """Run reladiff over all columns, in this process, so that its start does not count, with a thread per processor.

    By hashing and bisection: of its two ways the faster one here, by far where little differs.
    """
    import reladiff

    logging.getLogger("hashdiff_tables").setLevel(logging.ERROR)  # it warns of enums and texts, which it does compare
    uri = "postgresql://{PGUSER}:{PGPASSWORD}@{PGHOST}:{PGPORT}/{PGDATABASE}".format(**stage.environment())
    threads = os.cpu_count() or 1
    clock, lines = Clock(), 0
    for pair in pairs:
        others = tuple(name for name in pair.columns if name != pair.key)
        database = reladiff.connect(uri, thread_count=threads)
        try:
            sides = [
                reladiff.TableSegment(database, (table,), (pair.key,), extra_columns=others)
                for table in (pair.before, pair.after)
            ]
            differences = reladiff.diff_tables(*sides, algorithm="hashdiff", max_threadpool_size=threads)
            lines += sum(1 for _ in differences)
        finally:
            database.close()
    return clock.seconds(), lines // 2  # it tells a changed row as one line of either side
