"""Online mode while the application writes: who gets a cms_id, who waits, what is refused, and what others wrote."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from driver.status import migration_progress
from support import writers
from support.autovacuum import autovacuum_of
from support.local_rows import CORE_TABLES
from support.picture import picture_of
from support.registry import AUDIT_SCHEMA, NO_BACKUP, OWNER, SUPERUSER, Registry
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.dbt_runner import DbtRun

RUNNER = "application_name = 'cms_id online migration'"
ONLINE = ("run-operation", "add_cms_id", "--args", "{mode: online}")
ABANDON = ("run-operation", "abandon_cms_id")
# dbt parses the project anew for every set of vars: so there are few.
ONGOING = {**NO_BACKUP, "validation": "ongoing", "batch_size": 300, "rows_per_second": 6000}
SLOW = {**NO_BACKUP, "batch_size": 200, "rows_per_second": 1000, "online_lock_attempts": 8, "max_waiting_sessions": 0}
LONGEST_STALL = 0.2


# ---- helpers


def assert_all_filled(registry: Registry) -> None:
    """Every row has its id as cms_id, no table lacks its constraint, and the audit tables say the same."""
    for table in CORE_TABLES:
        rows, filled = registry.rows(f"select count(*), count(*) filter (where cms_id = id) from {table}")[0]
        assert filled == rows, f"{table}: {rows - filled} of {rows} rows have no cms_id or another one"
        told = registry.rows(
            "select m.state, m.rows_at_cut_over, m.rows_filled, sum(b.row_count)"
            f" from {AUDIT_SCHEMA}.migrations as m"
            f" left join {AUDIT_SCHEMA}.batches as b using (migration_id, table_name)"
            " where m.table_name = %s and m.state <> 'abandoned' group by 1, 2, 3",
            [table],
        )
        assert told == [("done", rows, rows, rows or None)], table
    constraints = registry.value(
        "select count(*) from pg_constraint where contype = 'u' and conname like '%%_cms_id_unique'"
    )
    assert constraints == len(CORE_TABLES)
    assert registry.value("select count(*) from pg_index where not indisvalid") == 0


def cms_id_columns(registry: Registry) -> int:
    """How many tables have the column."""
    return int(
        registry.value(
            "select count(*) from pg_attribute as a join pg_class as c on a.attrelid = c.oid"
            " where a.attname = 'cms_id' and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace"
        )
    )


def no_index_yet(registry: Registry) -> psycopg.Connection[Any]:
    """A session for which the first index build waits until it is closed, and with it all tables behind the first."""
    holder = registry.connect()
    holder.execute("begin isolation level repeatable read")
    holder.execute("create table something ()")
    return holder


def meet_while_filling(registry: Registry, statement: str) -> DbtRun:
    """An online migration that meets a statement while it fills the largest table. Returns what came of it."""
    with registry.dbt_beside(*ONLINE, variables=SLOW) as finished:
        until(lambda: state_of(registry, "student_modules") == "marked" and state_of(registry, "schools") == "done")
        registry.execute(statement)
    return finished[0]


def state_of(registry: Registry, table: str) -> str | None:
    """The state of a table's migration."""
    with contextlib.suppress(psycopg.errors.UndefinedTable):
        rows = registry.rows(f"select state from {AUDIT_SCHEMA}.migrations where table_name = %s", [table])
        return str(rows[-1][0]) if rows else None
    return None


def events(registry: Registry, event: str) -> list[tuple[Any, ...]]:
    """(table_name, detail) of the events of a kind."""
    return registry.rows(
        f"select table_name, detail from {AUDIT_SCHEMA}.events where event = %s order by event_id", [event]
    )


@dataclass
class Load:
    """What the writers did.

    Attributes:
        told: their own account, see `support.writers`.
        process: the process they run in.
    """

    process: subprocess.Popen[str]
    told: dict[str, Any]

    def stop(self) -> None:
        """End the writers and read their account."""
        output, _ = self.process.communicate(timeout=300)
        self.told = json.loads(output)

    def durations(self, since: float, until: float) -> list[float]:
        """How long the statements took that ran in this time, shortest first."""
        return sorted(took for began, took in self.told["statements"] if began + took > since and began < until)


@contextlib.contextmanager
def writing(registry: Registry) -> Iterator[Load]:
    """Four writers at work on the registry for the length of the block."""
    process = subprocess.Popen(
        [sys.executable, str(Path(writers.__file__))],
        env={**os.environ, **registry.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    load = Load(process, {})
    try:
        yield load
        load.stop()
    finally:
        process.kill()
        process.wait()


def assert_exact_cut_over(registry: Registry, load: Load, before: dict[str, set[int]]) -> None:
    """Every row is what the writers say it must be, cms_id included."""
    for table in CORE_TABLES:
        expected: dict[int, int | None]
        inserted = {int(row_id): after for row_id, after in load.told["inserted"].get(table, {}).items()}
        deleted = set(load.told["deleted"].get(table, []))
        expected = {row_id: row_id for row_id in before[table] - deleted}
        expected |= {row_id: None if after else row_id for row_id, after in inserted.items() if row_id not in deleted}
        assert dict(registry.rows(f"select id, cms_id from {table}")) == expected, table
        if table in writers.TABLES:
            column = writers.TABLES[table][0]
            values = {int(row_id): value for row_id, value in load.told["values"][table].items()}
            found = dict(registry.rows(f"select id, {column} from {table} where id = any(%s)", [list(values)]))
            assert found == values, f"{table}: a write of the application was lost"


def ids_of(registry: Registry) -> dict[str, set[int]]:
    """The ids of every core table."""
    return {table: {row[0] for row in registry.rows(f"select id from {table}")} for table in CORE_TABLES}


# ---- while nobody writes


@pytest.mark.every_major
def test_a_quiet_registry_ends_as_in_window_mode(baselined_registry: Registry) -> None:
    registry = baselined_registry
    run = registry.dbt_ok(*ONLINE, variables=NO_BACKUP)

    assert "table 10 of 12, student_modules: " in run.output
    assert f"{registry.counts['student_modules']:,} of {registry.counts['student_modules']:,} rows" in run.output
    assert_all_filled(registry)
    assert events(registry, "other writes") == []
    registry.dbt_ok("build", variables=NO_BACKUP)
    before = picture_of(registry)
    again = registry.dbt_ok(*ONLINE, variables=NO_BACKUP)
    assert "nothing to do" in again.output
    assert picture_of(registry) == before


@pytest.mark.every_major
def test_the_dry_run_prints_a_script_that_does_it(baselined_registry: Registry) -> None:
    registry = baselined_registry
    before = picture_of(registry)
    printed = registry.dbt_ok(
        "--quiet", "run-operation", "add_cms_id", "--args", "{mode: online, dry_run: true}", variables=NO_BACKUP
    ).output
    assert picture_of(registry) == before
    done = registry.psql(printed, "--set", "ON_ERROR_STOP=1")
    assert done.returncode == 0, done.stderr
    assert_all_filled(registry)


@pytest.mark.thorough
def test_build_refuses_rather_than_lock(baselined_registry: Registry) -> None:
    run = baselined_registry.dbt("build", variables={**NO_BACKUP, "mode": "online"})
    assert not run.success
    assert "dbt run-operation add_cms_id first" in run.output
    assert cms_id_columns(baselined_registry) == 0


def test_nothing_begins_without_a_baseline(registry: Registry) -> None:
    registry.dbt_ok("run-operation", "create_audit_tables")  # as a backup does
    run = registry.dbt(*ONLINE, variables=NO_BACKUP)
    assert not run.success
    assert "there is no baseline" in run.output
    assert cms_id_columns(registry) == 0


# ---- while the application writes


def migrate_beside_writers(registry: Registry) -> tuple[DbtRun, list[str]]:
    """Exact cut-over and no failed write. Returns what came of it, and which waits were too long."""
    before = ids_of(registry)
    with writing(registry) as load:
        until(
            lambda: registry.value("select count(*) from pg_stat_activity where application_name like 'writer %%'") == 4
        )
        began = time.time()
        time.sleep(4)
        marked = time.time()
        run = registry.dbt_ok(*ONLINE, variables=ONGOING)
        ended = time.time()
        time.sleep(0.5)
    assert load.told["failures"] == []
    assert_exact_cut_over(registry, load, before)
    flags = [after for rows in load.told["inserted"].values() for after in rows.values()]
    assert any(flags), "no row was inserted after the cut-over"
    assert not all(flags), "no row was inserted before the cut-over"

    alone, beside = load.durations(began, marked), load.durations(marked, ended)
    for name, durations in (("alone", alone), ("beside the migration", beside)):
        print(
            f"{name}: {len(durations)} statements, median {1000 * durations[len(durations) // 2]:.1f} ms,"
            f" 99 % {1000 * durations[len(durations) * 99 // 100]:.1f} ms, longest {1000 * durations[-1]:.1f} ms"
        )
    print(events(registry, "marked")[0][1])
    # a busy machine stalls writers by itself: what counts is what the migration adds
    limits = {
        "99 %": (beside[len(beside) * 99 // 100], LONGEST_STALL),
        "longest": (beside[-1], LONGEST_STALL + alone[-1]),
    }
    return run, [f"{name}: {took:.3f} s of {limit:.3f} s" for name, (took, limit) in limits.items() if took >= limit]


@pytest.mark.every_major
@pytest.mark.alone
@pytest.mark.thorough
def test_four_writers_see_no_more_than_a_hitch(baselined_registry: Registry) -> None:
    """Measured beside the same load alone. What else the machine does may come between: of three attempts one has to fit."""
    registry = baselined_registry
    run, stalls = migrate_beside_writers(registry)
    for _ in range(2):
        if stalls:
            print(stalls)
            registry.server.drop_database(registry.dbname)
            registry.server.create_database(registry.dbname, OWNER, "template_baselined")
            run, stalls = migrate_beside_writers(registry)
    assert not stalls

    told = dict(events(registry, "other writes"))
    assert set(told) <= set(writers.TABLES)
    assert "added after it" in told["student_modules"]
    assert "changed" in told["student_modules"]
    assert "written by other sessions since the baseline" in run.output
    assert registry.value(f"select bool_and(fingerprint_before = fingerprint_after) from {AUDIT_SCHEMA}.batches"), (
        "a batch changed another column"
    )
    ongoing = registry.dbt("test", "--select", "tag:ongoing", variables=ONGOING)
    assert ongoing.failed_names == set()
    assert ongoing.of_status("pass")


@pytest.mark.thorough
def test_a_row_that_others_changed_or_deleted_meanwhile(baselined_registry: Registry) -> None:
    """By hand and in order, what the writers do at random."""
    registry = baselined_registry
    ids = [row[0] for row in registry.rows("select id from student_education order by id")]
    moved = registry.value(
        "select max(id) from student_modules where id not in (select student_module_id from assessment_marks)"
    )
    holder = no_index_yet(registry)
    with registry.dbt_beside(*ONLINE, variables=SLOW) as finished:
        until(lambda: state_of(registry, "student_education") == "marked")  # all tables at once; its turn is the ninth
        with registry.connect() as connection, connection.transaction():
            connection.execute("update student_education set school_name = 'changed' where id = %s", [ids[-1]])
            connection.execute("delete from student_education where id = %s", [ids[-2]])
            connection.execute("update student_education set id = %s where id = %s", [min(ids) - 1000, ids[-3]])
            connection.execute("delete from student_education where id = %s", [ids[-4]])
            connection.execute(
                "insert into student_education (id, std_no, school_name) select %s, min(std_no), 'again' from students",
                [ids[-4]],
            )
        holder.close()
        until(
            lambda: registry.value(
                f"select rows_filled from {AUDIT_SCHEMA}.migrations where table_name = 'student_modules'"
            )
        )
        registry.execute("update student_modules set id = -5 where id = %s", [moved])  # behind the cursor's back
    assert finished[0].success, finished[0].output
    assert registry.value("select cms_id from student_modules where id = -5") == -5
    found = dict(registry.rows("select id, cms_id from student_education"))
    assert found[ids[-1]] == ids[-1]
    assert ids[-2] not in found
    assert found[min(ids) - 1000] == min(ids) - 1000
    assert found[ids[-4]] is None
    told = dict(events(registry, "other writes"))["student_education"]
    assert f"1 deleted and added again under the same id (ids {ids[-4]})" in told
    assert f"2 deleted (ids {ids[-3]}, {ids[-2]})" in told


def test_throttle_and_pause_hold_nothing(baselined_registry: Registry) -> None:
    registry = baselined_registry
    blocker, blocking = registry.connect(), True
    waiter = registry.connect()
    registry.execute("create table elsewhere ()")
    blocker.execute("begin")
    blocker.execute("lock table elsewhere")
    waiting = threading.Thread(target=lambda: waiter.execute("select * from elsewhere"))
    waiting.start()
    asleep: list[tuple[bool, int]] = []  # of each look at a pause: whether its transaction is older, its locks
    paused = f"select query_start, xact_start, pid from pg_stat_activity where {RUNNER} and state = 'active'"
    paused += " and query like '%select pg_sleep(%'"
    locks = "select count(*) from pg_locks where pid = %s and relation::regclass::text = any(%s)"
    with registry.dbt_beside(*ONLINE, variables=SLOW) as finished:
        until(lambda: state_of(registry, "module_prerequisites") == "marked")
        began = time.monotonic()
        with registry.connect(SUPERUSER) as connection:
            while time.monotonic() - began < 180 and not finished:
                for pause in connection.execute(paused.encode()).fetchall():
                    query_start, xact_start, pid = pause
                    held = connection.execute(locks, [pid, list(CORE_TABLES)]).fetchall()[0][0]
                    if pause in connection.execute(paused.encode()).fetchall():  # or what was seen may not be its own
                        asleep.append((query_start > xact_start, held))
                if len(asleep) >= 60 and blocking:
                    blocker.execute("rollback")
                    blocking = False
                time.sleep(0.02)
    waiting.join()
    assert len(asleep) > 60, "it never paused"
    assert not any(older for older, _ in asleep), "a transaction stayed open"
    assert not any(held for _, held in asleep), "a pause held a lock on a table"
    run = finished[0]
    assert run.success, run.output
    assert re.search(r"paused for 0 s: \d+ sessions wait", run.output)  # the waiter, and whoever happens to read a page
    rows = registry.counts["student_modules"]
    # since the table before was done, as time that was lost before its first batch is made up for
    rates = registry.value(
        f"select {rows} / extract(epoch from max(b.filled_at) - max(m.finished_at))"
        f" from {AUDIT_SCHEMA}.batches as b cross join {AUDIT_SCHEMA}.migrations as m"
        " where b.table_name = 'student_modules' and m.table_name = 'student_education'"
    )
    assert rates < 1000 * 1.3
    assert_all_filled(registry)


@pytest.mark.thorough
def test_progress_is_told_while_it_runs(baselined_registry: Registry) -> None:
    registry = baselined_registry
    with registry.connect() as connection:
        assert not migration_progress(connection, AUDIT_SCHEMA)
        seen: list[Any] = []
        holder = no_index_yet(registry)
        with registry.dbt_beside(*ONLINE, variables=SLOW) as finished:
            began = time.monotonic()
            until(lambda: state_of(registry, "module_prerequisites") == "backfilled")
            building = until(
                lambda: next((t for t in migration_progress(connection, AUDIT_SCHEMA) if t.index_waits_for_pid), None)
            )
            holder.close()
            while not finished and time.monotonic() - began < 180:
                seen += [table for table in migration_progress(connection, AUDIT_SCHEMA) if table.rows_per_second]
                time.sleep(0.05)
        assert building.table_name == "module_prerequisites"
        # The holder's, and for a moment perhaps that of a worker of the server.
        assert f"waits for {building.index_waits_for} open transactions" in building.sentence
        part = [table for table in seen if table.table_name == "student_modules" and table.state == "marked"]
        assert part
        assert all(0 < table.rows_filled <= (table.rows_at_cut_over or 0) for table in part)
        assert any(table.seconds_left for table in part)
        assert " rows/s, " in part[0].sentence
        assert migration_progress(connection, AUDIT_SCHEMA)[0].sentence == "module_prerequisites: done"


# ---- locks


@pytest.mark.thorough
def test_a_lock_that_stays_at_the_cut_over_is_named(baselined_registry: Registry) -> None:
    registry = baselined_registry
    with registry.connect(application_name="somebody reads") as connection:
        pid = connection.info.backend_pid
        connection.execute("begin")
        connection.execute("select * from programs limit 1")
        run = registry.dbt(*ONLINE, variables=SLOW)
    assert not run.success
    assert f"session {pid} of {OWNER}" in run.output
    assert "somebody reads" in run.output
    assert "Nothing was changed" in run.output
    assert cms_id_columns(registry) == 0
    registry.dbt_ok(*ONLINE, variables=NO_BACKUP)
    assert_all_filled(registry)


@pytest.mark.thorough
@pytest.mark.every_major
def test_an_autovacuum_gives_way(baselined_registry: Registry) -> None:
    registry = baselined_registry
    with autovacuum_of(registry, "student_modules"):
        registry.dbt_ok(*ONLINE, variables=NO_BACKUP)
    assert_all_filled(registry)


@pytest.mark.thorough
def test_a_row_lock_that_stays_is_named_and_all_is_kept(baselined_registry: Registry) -> None:
    registry = baselined_registry
    last = registry.value("select max(id) from student_modules")
    with registry.connect(application_name="somebody edits") as connection:
        holder = no_index_yet(registry)
        with registry.dbt_beside(*ONLINE, variables=SLOW) as finished:
            until(lambda: state_of(registry, "student_modules") == "marked")  # the cut-over wants the table itself
            connection.execute("begin")
            connection.execute("update student_modules set marks = '1' where id = %s", [last])
            holder.close()
        run = finished[0]
        assert not run.success
        assert "somebody edits" in run.output
        assert "Everything done so far is kept" in run.output
        rows, filled = registry.rows("select count(*), count(*) filter (where cms_id = id) from student_modules")[0]
        assert 0 < filled < rows
        connection.execute("commit")
    run = registry.dbt_ok(*ONLINE, variables=NO_BACKUP)
    assert "going on with the migration that was begun" in run.output
    assert_all_filled(registry)
    assert "1 changed" in dict(events(registry, "other writes"))["student_modules"]


@pytest.mark.thorough
def test_a_lock_that_stays_at_the_constraint_is_named(baselined_registry: Registry) -> None:
    registry = baselined_registry
    with registry.connect(application_name="somebody reads") as connection:
        holder = no_index_yet(registry)
        with registry.dbt_beside(*ONLINE, variables=SLOW) as finished:
            until(lambda: state_of(registry, "schools") == "marked")
            connection.execute("begin")
            connection.execute("select * from schools limit 1")
            holder.close()
        assert not finished[0].success
        assert "schools could not be locked" in finished[0].output
        assert "somebody reads" in finished[0].output
        assert state_of(registry, "schools") == "indexed"
    registry.dbt_ok(*ONLINE, variables=NO_BACKUP)
    assert_all_filled(registry)


def test_an_index_that_somebody_dropped_is_built_again(migrated_registry: Registry) -> None:
    registry = migrated_registry
    registry.execute(
        f"update {AUDIT_SCHEMA}.migrations set mode = 'online', state = 'indexed'"
        " where table_name in ('schools', 'programs');"
        " alter table schools drop constraint schools_cms_id_unique;"
        " alter table programs drop constraint programs_cms_id_unique;"
        " create unique index programs_cms_id_unique on programs (cms_id)"
    )
    run = registry.dbt_ok(*ONLINE, variables=NO_BACKUP)
    assert "schools: build the index" in run.output
    assert "programs: build the index" not in run.output
    assert state_of(registry, "schools") == state_of(registry, "programs") == "done"
    registry.dbt_ok("test", "--select", "cms_id_constraints_exist", variables=NO_BACKUP)


def test_the_second_of_two_runners_is_told(baselined_registry: Registry) -> None:
    registry = baselined_registry
    holder = no_index_yet(registry)
    with registry.dbt_beside(*ONLINE, variables=SLOW) as finished:
        until(lambda: registry.rows("select 1 from pg_stat_progress_create_index"))
        pid = registry.value(f"select pid from pg_stat_activity where {RUNNER}")
        second = registry.dbt(*ONLINE, variables=NO_BACKUP)
        assert second.code == 1, second.output
        assert f"session {pid} of {OWNER} (cms_id online migration, since 20" in second.output
        snapshot = registry.dbt("snapshot", variables=NO_BACKUP)
        assert snapshot.code == 1, snapshot.output
        assert "an online migration is running" in snapshot.output
        holder.close()
    assert finished[0].success
    assert_all_filled(registry)


# ---- triggers: what is refused before anything is touched is in test_doctor.py


@pytest.mark.thorough
def test_triggers_for_other_columns_do_not_matter_and_others_may_be_allowed(baselined_registry: Registry) -> None:
    registry = baselined_registry
    registry.execute(
        "create function touch() returns trigger language plpgsql as"
        " $$ begin new.created_at := '2000-01-01'; return new; end $$;"
        " create trigger of_marks before update of marks on student_modules for each row execute function touch();"
        " create trigger switched_off before update on schools for each row execute function touch();"
        " alter table schools disable trigger switched_off;"
        " create trigger any_column before update on programs for each row execute function touch();"
        " create function mark() returns trigger language plpgsql as"
        " $$ begin update next_of_kins set name = name || '!' where id = new.id; return null; end $$;"
        " create trigger later after update on next_of_kins for each row when (pg_trigger_depth() = 0)"
        " execute function mark();"
        " update modules set name = name || '?' where id = (select min(id) from modules)"
    )
    refused = registry.dbt(*ONLINE, variables=NO_BACKUP)
    assert "programs has the UPDATE trigger any_column" in refused.output
    assert "of_marks" not in refused.output
    assert "switched_off" not in refused.output
    assert "what it writes into other columns or tables stays, also after `undo`" in refused.output
    run = registry.dbt_ok(*ONLINE, variables={**NO_BACKUP, "allow_update_triggers": True})
    assert_all_filled(registry)
    touched = registry.rows("select count(*), count(*) filter (where created_at = '2000-01-01') from programs")[0]
    assert touched[0] == touched[1]
    assert registry.value("select count(*) from student_modules where created_at = '2000-01-01'") == 0
    assert registry.rows(
        f"select distinct table_name from {AUDIT_SCHEMA}.batches where fingerprint_before <> fingerprint_after"
    ) == [("programs",)]
    told = dict(events(registry, "changed by triggers"))
    rows = {table: registry.value(f"select count(*) from {table}") for table in ("programs", "next_of_kins")}
    assert set(told) == set(rows), "a trigger that fires after the update is seen as well"
    for table, column in (("programs", "created_at"), ("next_of_kins", "name")):
        sentence = f"{rows[table]} rows had other columns changed by the filling itself (triggers): {column};"
        assert told[table].startswith(sentence)
        assert f"online: {table}: {sentence}" in run.output
    others = events(registry, "other writes")
    assert [name for name, _ in others] == ["modules"]
    assert (
        "written by other sessions, or by triggers that the filling fired, since the baseline: 1 changed"
        in others[0][1]
    )


@pytest.mark.thorough
def test_a_trigger_that_comes_later_is_caught_by_the_batch(baselined_registry: Registry) -> None:
    """What preflight did not see, the fingerprint of the batch does; that batch is undone, the others stay."""
    registry = baselined_registry
    finished = meet_while_filling(
        registry,
        "create function touch() returns trigger language plpgsql as $$ begin new.marks := '0'; return new; end $$;"
        " create trigger touched before update on student_modules for each row execute function touch()",
    )
    assert not finished.success
    assert "other columns changed" in finished.output
    assert (
        registry.value(
            f"select count(*) from student_modules as s"
            f" join {AUDIT_SCHEMA}.baseline_rows_student_modules as b using (id)"
            " where s.marks is distinct from b.marks"
        )
        == 0
    )
    registry.execute("drop trigger touched on student_modules")
    registry.dbt_ok(*ONLINE, variables=NO_BACKUP)
    assert_all_filled(registry)


@pytest.mark.thorough
def test_triggers_of_indexed_columns_never_fire_whenever_they_are_made(baselined_registry: Registry) -> None:
    """The filling names indexed columns; not those that have a trigger, and where one comes later it ends first."""
    registry = baselined_registry
    registry.execute(
        "create table fired (happened text);"
        " create function fire() returns trigger language plpgsql as"
        " $$ begin insert into fired values (tg_name); return new; end $$;"
        " create trigger of_status after update of status on student_modules for each row execute function fire()"
    )
    finished = meet_while_filling(
        registry,
        "create trigger of_semester after update of student_semester_id on student_modules"
        " for each row execute function fire()",
    )
    assert not finished.success
    assert "a trigger was made on student_modules" in finished.output
    assert "Run the same command again" in finished.output
    registry.execute("create index somebodys on student_modules (cms_id)")
    registry.dbt_ok(*ONLINE, variables=NO_BACKUP)
    assert_all_filled(registry)
    assert registry.rows("select * from fired") == []


# ---- awkward tables


@pytest.mark.thorough
def test_cycles_gaps_dead_rows_and_negative_ids(registry: Registry) -> None:
    registry.execute(
        "alter table structures add column first_semester integer references structure_semesters (id);"
        " update structures as s set first_semester"
        " = (select min(id) from structure_semesters where structure_id = s.id);"
        " alter table next_of_kins add column mark text not null default 'ours';"  # a word of our own statements
        " alter table programs add column shout text generated always as (upper(name)) stored;"
        " create index on programs (shout);"
        " update next_of_kins set id = -id;"
        " update student_education set id = id * 10000000 where id < 200;"
        " update student_modules set marks = marks; update student_modules set marks = marks;"
        " delete from student_modules where id % 7 = 0;"
        " insert into schools (id, code, name) values"
        " (-2147483647, 'low', 'Lowest'), (2147483647, 'high', 'Highest'), (0, 'zero', 'Zero')"
    )
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    registry.dbt_ok(*ONLINE, variables={**NO_BACKUP, "allow_sequences_behind": True})
    assert_all_filled(registry)
    tested = registry.dbt("test", variables=NO_BACKUP)
    assert "core_rows_unchanged" in tested.of_status("pass")
    assert tested.failed_names <= {"sequences_ahead"}  # ids as far out as these are ahead of any sequence


@pytest.mark.thorough
def test_empty_tables_and_bigint_ids(registry: Registry) -> None:
    registry.execute("truncate next_of_kins; alter table student_education alter column id type bigint")
    registry.execute(
        "insert into student_education (id, std_no, school_name) select 5000000000, min(std_no), 'far' from students"
    )
    variables = {**NO_BACKUP, "cms_id_type": "bigint", "allow_sequences_behind": True}
    registry.dbt_ok("snapshot", variables=variables)
    assert "set var cms_id_type to bigint" in registry.dbt(*ONLINE, variables=NO_BACKUP).output
    registry.dbt_ok(*ONLINE, variables=variables)
    assert_all_filled(registry)
    assert registry.value("select cms_id from student_education where school_name = 'far'") == 5_000_000_000


# ---- giving up


def test_abandon_removes_a_half_done_migration(baselined_registry: Registry) -> None:
    registry = baselined_registry
    before = picture_of(registry, AUDIT_SCHEMA)
    assert "nothing to do" in registry.dbt_ok(*ABANDON, variables=NO_BACKUP).output
    with registry.dbt_beside(*ONLINE, variables=SLOW):
        until(lambda: state_of(registry, "student_modules") == "marked" and state_of(registry, "schools") == "done")
        time.sleep(0.5)
        registry.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where {RUNNER}", user=SUPERUSER)
    window = registry.dbt("run-operation", "add_cms_id", variables=NO_BACKUP)
    assert not window.success
    assert "an online migration is half-way" in window.output
    printed = registry.dbt_ok("--quiet", *ABANDON, "--args", "{dry_run: true}", variables=NO_BACKUP).output
    assert "drop column if exists cms_id" in printed
    assert cms_id_columns(registry) == len(CORE_TABLES)

    other = registry.value("select max(id) from schools")
    registry.execute("update schools set cms_id = 77777 where id = %s", [other])
    refused = registry.dbt(*ABANDON, variables=NO_BACKUP)
    assert not refused.success
    assert f"schools: other sessions wrote cms_id in the rows {other}" in refused.output
    registry.execute("update schools set cms_id = id where id = %s", [other])

    registry.dbt_ok(*ABANDON, variables=NO_BACKUP)
    assert picture_of(registry, AUDIT_SCHEMA) == before
    assert {row[0] for row in registry.rows(f"select state from {AUDIT_SCHEMA}.migrations")} == {"abandoned"}
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    registry.dbt_ok("run-operation", "add_cms_id", variables=NO_BACKUP)
    registry.dbt_ok("test", variables=NO_BACKUP)
    assert {row[0] for row in registry.rows(f"select state from {AUDIT_SCHEMA}.migrations")} == {"abandoned", "done"}
