"""The jobs, and how each contestant does them: this project, the written procedure, another tool's way."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from benchmark import procedure
from benchmark.measure import (
    IN_INDEXES,
    IN_SQL,
    MEMORY,
    OURS,
    PROCEDURE,
    READS,
    SECONDS,
    SIZE,
    WAL,
    Clock,
    Figure,
    Goal,
)
from benchmark.stage import BASELINED, CORE_TABLES, DATABASE, OWNER, number, wal_megabytes
from driver.backup import store
from driver.backup.place import HERE, place
from driver.backup.take import restored
from driver.report import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmark.measure import Bench
    from benchmark.stage import Stage

    Session = psycopg.Connection[Any]
    Figures = Mapping[str, float]

MOST_MEMORY = 300.0  # megabytes
WHOLE_CHAINS = "procedure, chains whole"
PROVEN = "procedure, dump restored, chains whole"
FLOOR = "floor"
LOCKED = "seconds under exclusive lock"
STALLS = "online, beside a reader and a writer"
BY_TRIGGER = "pgroll's way"
AT_ONCE = "one UPDATE"
ALONE = "the load alone"
PER_MILLION = "seconds per million rows filled"
RATE = "rows filled per second"
READ, WRITE = "longest read, ms", "longest write, ms"
VERIFIED = "cmsid, restored and compared"
SWAPPED = "cmsid, compared, then swapped"
THEN = "cmsid, the run itself"
TABLE = "student_modules"
BATCH = 1_000


def growth(comparison: str, ours: str = OURS) -> Goal:
    """Ten times the rows take at most eleven times as long."""
    return Goal(comparison, SECONDS, 11, kind="growth", scales=(10.0,), ours=ours)


GOALS = [
    Goal("window", SECONDS, 0.25, PROCEDURE),
    Goal("window", WAL, 0.35, PROCEDURE),
    Goal("window", SIZE, 0.6, PROCEDURE),
    Goal("window", SECONDS, 1.6, FLOOR),
    growth("window"),
    Goal("online", PER_MILLION, 0.5, BY_TRIGGER),
    Goal(STALLS, READ, 50, ALONE, kind="excess"),
    Goal(STALLS, WRITE, 50, ALONE, kind="excess"),
    growth("online"),
    growth("baseline"),
    growth("validation"),
    Goal("backup", MEMORY, MOST_MEMORY, kind="most", ours=VERIFIED),
    Goal("restore", MEMORY, MOST_MEMORY, kind="most", ours=SWAPPED),
    growth("backup", VERIFIED),
    growth("restore", SWAPPED),
    Goal("whole run", SECONDS, 0.7, PROCEDURE, scales=(1.0,)),
    Goal("whole run", SECONDS, 0.5, PROCEDURE, scales=(10.0,)),
    growth("whole run"),
    Goal("whole run", MEMORY, MOST_MEMORY, kind="most"),
    Goal("whole run", READS, 12, kind="most"),
    # as much too little as too much
    Goal("rehearsal", SECONDS, 1.25, THEN),
    Goal("rehearsal", SECONDS, 1.25, OURS, ours=THEN),
    Goal("rehearsal", WAL, 1.1, THEN),
    Goal("rehearsal", WAL, 1.1, OURS, ours=THEN),
]


def window(stage: Stage, bench: Bench) -> None:
    """The window migration, gate included, beside the procedure's SQL and the least that any migration could do."""
    plan = stage.plan("window")

    def ours(session: Session) -> Figures:
        locked = 0.0

        def work() -> None:
            nonlocal locked
            clock = Clock()
            for label, statement in plan:
                session.execute(statement.encode())
                if label.startswith("lock "):
                    locked = clock.seconds()

        figures = _migrated(session, work)
        return {**figures, LOCKED: figures[SECONDS] - locked}

    def theirs(session: Session) -> Figures:
        script = ("begin;" + procedure.migration() + "commit;").encode()
        figures = _migrated(session, lambda: session.execute(script))
        return {**figures, LOCKED: figures[SECONDS]}  # its first statement locks

    def floor(session: Session) -> Figures:
        statements = ";".join(statement for table in CORE_TABLES for statement in _copy(session, table))
        return _migrated(session, lambda: session.execute(f"begin;{statements};commit;".encode()), "copy_of_")

    turns = {PROCEDURE: stage.turn(theirs), FLOOR: stage.turn(floor), OURS: stage.turn(ours, BASELINED)}
    bench.compare("window", turns)


def _migrated(session: Session, work: Callable[[], object], prefix: str = "") -> dict[str, float]:
    """The figures of a migration, with the size of the core tables, or of copies under such names, and their indexes."""
    position, clock = wal_megabytes(session), Clock()
    work()
    seconds = clock.seconds()
    size = "select sum(pg_total_relation_size(oid)) / 1e6 from pg_class where relname = any(%s) and relkind = 'r'"
    names = [prefix + table for table in CORE_TABLES]
    return {SECONDS: seconds, WAL: wal_megabytes(session) - position, SIZE: number(session, size, names)}


def _copy(session: Session, table: str) -> list[str]:
    """Statements that write a table with its new column once, and its indexes."""
    query = "select indexdef from pg_indexes where schemaname = 'public' and tablename = %s"
    indexes = [
        re.sub(rf"INDEX \S+ ON public\.{table} ", f'INDEX "c{index}_{table}" ON copy_of_{table} ', definition)
        for index, (definition,) in enumerate(session.execute(query, (table,)).fetchall())
    ]
    create = f"create table copy_of_{table} as select *, id as cms_id from {table}"
    return [create, *indexes, f"create unique index on copy_of_{table} (cms_id)"]


def online(stage: Stage, bench: Bench) -> None:
    """Rows filled per second, beside a trigger-driven backfill with its index made first, and beside one big UPDATE.

    Then what a reader and a writer feel meanwhile.
    """
    plan = stage.plan("online")
    turns = {
        BY_TRIGGER: stage.turn(_backfill_by_trigger),
        AT_ONCE: stage.turn(_update_at_once),
        OURS: stage.turn(lambda session: _run_plan(session, plan), BASELINED),
    }
    bench.compare("online", turns)
    lasted = 0.0

    def beside_ours(session: Session) -> Figures:
        nonlocal lasted
        with _load(stage) as stalls:
            clock = Clock()
            _run_plan(session, plan)
            lasted = clock.seconds()
        return {**stalls, SECONDS: lasted}

    def alone(_: Session) -> Figures:
        """As long as the migration took: the longest of more statements is longer."""
        with _load(stage) as stalls:
            time.sleep(lasted)
        return stalls

    bench.compare(STALLS, {OURS: stage.turn(beside_ours, BASELINED), ALONE: stage.turn(alone, BASELINED)})


def _run_plan(session: Session, plan: Sequence[tuple[str, str]]) -> Figures:
    """The printed plan; its filling statements are sent again until their table is filled, as the macro does.

    Returns:
        figures of the largest table: of filling it, and of everything from the cut-over to its constraint.
    """
    figures: dict[str, float] = {}
    total = 0.0
    state = "select state from cms_id_audit.migrations where table_name = %s order by migration_id desc limit 1"
    for label, statement in plan:
        table = label.split(",")[1].split(":")[0].strip() if label.startswith("table ") else ""

        def fill(table: str = table, statement: str = statement) -> None:
            while session.execute(state, (table,)).fetchone() == ("marked",):
                session.execute(statement.encode())

        clock = Clock()
        if not label.partition(":")[2].strip().startswith("fill"):
            session.execute(statement.encode())
        elif table == TABLE:
            figures.update(_filling(session, fill))
        else:
            fill()
        if table in ("", TABLE):
            total += clock.seconds()
    return {**figures, SECONDS: total}


def _filling(session: Session, fill: Callable[[], object]) -> Figures:
    """The figures of filling the table."""
    rows = number(session, f"select count(*) from {TABLE}")
    position, clock = wal_megabytes(session), Clock()
    fill()
    seconds = clock.seconds()
    return {PER_MILLION: seconds / rows * 1e6, RATE: rows / seconds, WAL: wal_megabytes(session) - position}


def _update_at_once(session: Session) -> Figures:
    """Column, one UPDATE, constraint."""
    clock = Clock()
    session.execute(f"alter table {TABLE} add column cms_id integer")
    figures = _filling(session, lambda: session.execute(f"update {TABLE} set cms_id = id"))
    session.execute(f"alter table {TABLE} add constraint {TABLE}_cms_id_unique unique (cms_id)")
    return {**figures, SECONDS: clock.seconds()}


def _backfill_by_trigger(session: Session) -> Figures:
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
                step = 0
                while not ended.is_set():
                    step += 7919
                    clock = Clock()
                    own.execute(statement.encode(), (low + step % (high - low + 1),))
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


def proof(stage: Stage, bench: Bench) -> None:
    """Baseline and validation beside the procedure's exports, queries and diffs: wall time, and the time in SQL."""

    def in_sql(work: Callable[[], object]) -> Figures:
        before, figures = stage.seconds_in_sql(), timed(work)
        return {**figures, IN_SQL: stage.seconds_in_sql() - before}

    def export(*, whole: bool) -> Callable[[], Figures]:
        script = procedure.exports("pre", whole=whole) + procedure.AGGREGATES
        return stage.turn(lambda _: in_sql(lambda: stage.psql(script)))

    def queries(before: str, *, whole: bool) -> Figures:
        def work() -> None:
            stage.psql(procedure.validation() + procedure.exports("post", whole=whole))
            procedure.diff(stage, before)

        return in_sql(work)

    snapshot = stage.turn(lambda _: in_sql(lambda: stage.dbt("snapshot")))
    turns = {PROCEDURE: export(whole=False), WHOLE_CHAINS: export(whole=True), OURS: snapshot}
    bench.compare("baseline", turns)
    with stage.clone(BASELINED):
        stage.psql(procedure.exports("pre") + procedure.exports("pre_whole", whole=True))
        stage.dbt("run-operation", "add_cms_id")
        turns = {
            PROCEDURE: lambda: queries("pre", whole=False),
            WHOLE_CHAINS: lambda: queries("pre_whole", whole=True),
            OURS: lambda: in_sql(lambda: stage.dbt("test")),
        }
        bench.compare("validation", turns)


def timed(work: Callable[[], object]) -> dict[str, float]:
    """The wall time of a job, and the memory that it says it took."""
    clock = Clock()
    memory = work()
    figures = {SECONDS: clock.seconds()}
    return {**figures, MEMORY: memory} if isinstance(memory, float) else figures


def backup(stage: Stage, bench: Bench) -> None:
    """A backup with its test restore, and a restore until the application can connect, beside pg_dump and pg_restore."""
    folder, dump = str(stage.folder / "backups"), str(stage.folder / "plain.dump")

    def take(*options: str) -> Callable[[], Figures]:
        return stage.turn(lambda _: timed(lambda: stage.cmsid("backup", "--directory", folder, *options)))

    plain_backup = stage.turn(lambda _: timed(lambda: stage.run([stage.tool("pg_dump"), "-Fc", "-f", dump])))
    bench.compare("backup", {"pg_dump -Fc": plain_backup, "cmsid, not restored": take(), VERIFIED: take("--verify")})

    def restore() -> float:
        memory = stage.cmsid("restore", "--yes", "--directory", folder)
        has_answered()
        return memory

    def plain_restore() -> None:
        stage.run([stage.tool("pg_restore"), "--clean", "--if-exists", "-d", DATABASE, dump])
        has_answered()

    def has_answered() -> None:
        """The application has its first answer."""
        with stage.server.connect(DATABASE, OWNER) as session:
            session.execute("select count(*) from students")

    def ours(_: Session) -> Figures:
        figures = timed(restore)
        with stage.server.connect() as session:
            kept = session.execute("select datname from pg_database where datname like %s", (f"{DATABASE}%replaced%",))
            for (name,) in kept.fetchall():
                session.execute(f'drop database "{name}" with (force)')
        return figures

    theirs = stage.turn(lambda _: timed(plain_restore))
    bench.compare("restore", {"pg_restore --clean, into the live one": theirs, SWAPPED: stage.turn(ours)})
    shutil.rmtree(folder, ignore_errors=True)


def whole(stage: Stage, bench: Bench) -> None:
    """`cmsid run` beside the whole written procedure, from the first backup to the last verdict."""

    def theirs(*, proven: bool) -> Callable[[], Figures]:
        return stage.turn(lambda _: timed(lambda: procedure.whole(stage, proven=proven)))

    ours = stage.turn(lambda _: timed(lambda: stage.cmsid("run")))
    bench.compare("whole run", {PROCEDURE: theirs(proven=False), PROVEN: theirs(proven=True), OURS: ours})
    found = _reads_of_each_stage(stage)
    for place_of, quantity in enumerate((READS, IN_INDEXES)):
        told = {step: reads[place_of] for step, reads in found.items()}
        told[OURS] = sum(told.values())
        bench.figures += [Figure("whole run", bench.scale, quantity, who, (reads,)) for who, reads in told.items()]


def _reads_of_each_stage(stage: Stage) -> dict[str, tuple[float, ...]]:
    """How often each stage of a run reads the largest table, ÷ its rows: in the table, and in its indexes alone."""
    folder = stage.folder / "counted"
    found: dict[str, tuple[float, ...]] = {}
    with stage.clone() as session:
        rows = number(session, f"select count(*) from {TABLE}")
        connection = stage.connection()
        steps: dict[str, Callable[[], object]] = {
            "backup": lambda: stage.cmsid("backup", "--directory", str(folder)),
            "baseline": lambda: stage.dbt("snapshot"),
            "migration": lambda: stage.dbt("run-operation", "add_cms_id"),
            "views": lambda: stage.dbt("run"),
            "validation": lambda: stage.dbt("test"),
        }
        for name, work in steps.items():
            before = stage.reads(TABLE)
            work()
            found[name] = tuple((b - a) / rows for a, b in zip(before, stage.reads(TABLE), strict=True))
            if name == "backup":
                taken = store.find(connection, None, folder)
                with place(connection, taken, HERE, works=False) as there, restored(there, taken) as (scratch, _):
                    found["test restore"] = tuple(read / rows for read in stage.reads(TABLE, scratch.dbname))
    shutil.rmtree(folder)
    return found


def rehearsal(stage: Stage, bench: Bench) -> None:
    """What the migration took in a rehearsal on the same server, and in the run itself."""
    folder = stage.folder / "rehearsed"

    def taken(path: Path, *names: str | int) -> Figures:
        found = json.loads(path.read_text("utf-8"))
        for name in names:
            found = found[name]
        return {SECONDS: found["seconds"], WAL: found["wal_bytes"] / 1e6}

    def ours(_: Session) -> Figures:
        shutil.rmtree(folder, ignore_errors=True)
        stage.cmsid("rehearse", "--on", "here", "--directory", str(folder))
        return taken(next(folder.rglob("rehearsal-*.json")), "parts", 0, "figures")

    def then(_: Session) -> Figures:
        stage.cmsid("run")
        return taken(stage.project / "reports" / files.LATEST / files.NAMES["json"], "taken")

    bench.compare("rehearsal", {OURS: stage.turn(ours), THEN: stage.turn(then)})
