"""The ledger of locks: what each step of a plan took, for how long, and who waited; held against what docs/on-the-day.md promises."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from psycopg.sql import SQL, Identifier
from rich.progress import Progress

from driver.backup.session import one_value, pinned
from driver.dbt_step import DbtStep
from driver.facts import locks
from driver.ledger import note_seen, watched
from driver.macro_sql import render_macro
from driver.progress import StageProgress
from driver.result import lock_sentence
from driver.status import status
from support.local_rows import CORE_TABLES
from support.plan import script_of
from support.registry import AUDIT_SCHEMA, NO_BACKUP, OWNER, SUPERUSER
from support.sample_project import connection_of
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driver.result import Lock
    from support.registry import Registry

DOCS = Path(__file__).resolve().parents[1] / "docs" / "on-the-day.md"
PROMISE = re.compile(r"^\| `(\S+)` \| (.+) \| (core tables|its table) \| ([A-Z ]+) \| (.+) \|$", re.MULTILINE)
ONLINE = ("run-operation", "add_cms_id", "--args", "{mode: online}")
WINDOW, UNDO = ("run-operation", "add_cms_id"), ("run-operation", "drop_cms_id")
AT_MOST = {"milliseconds": 0.5, "about a millisecond": 0.25, "a batch at a time": 0.5}
"""Seconds, on a machine that does much else."""


def ledger(registry: Registry, command: str) -> list[Lock]:
    """What the newest plan of this command has noted."""
    with registry.connect() as session:
        return [lock for lock in locks(session, AUDIT_SCHEMA) if lock.command == command]


def broken(found: Sequence[Lock]) -> tuple[list[str], set[str]]:
    """The locks that are not promised, and the promises that nothing was seen of."""
    promised = {
        (command, step): (mode, length.split(":")[0].split(",")[0])
        for command, step, _, mode, length in PROMISE.findall(DOCS.read_text(encoding="utf-8"))
    }
    assert len(promised) == 7, "the table in the documentation cannot be read"
    seen = set()
    unpromised = []
    for lock in found:
        step = lock.step.removeprefix(f"{lock.table}: ")
        mode, length = promised.get((lock.command, step), ("none", ""))
        own = lock.relation in ({f"public.{lock.table}"} if lock.table else {f"public.{name}" for name in CORE_TABLES})
        if not own or not lock.words.startswith(f"{mode} on ") or (lock.seconds or 0) > AT_MOST.get(length, 600):
            unpromised.append(f"{lock.command}, {lock.step}: {lock.words}, {lock.seconds} s")
        seen.add((lock.command, step))
    return unpromised, {f"{command}, {step}" for command, step in promised.keys() - seen}


@pytest.mark.every_major
def test_no_plan_locks_what_the_documentation_does_not_promise(baselined_registry: Registry) -> None:
    registry = baselined_registry
    found = []
    for command, *dbt in (("migrate-window", *WINDOW), ("undo", *UNDO), ("migrate-online", *ONLINE)):
        registry.dbt_ok(*dbt, variables=NO_BACKUP)
        taken = ledger(registry, command)
        # until the commit, and for the length of the whole: whoever was kept out, was so by all of the tables
        assert {lock.relation for lock in taken if lock.closed_to == "all"} == {
            f"public.{name}" for name in CORE_TABLES
        }
        assert all(lock.taken_at <= lock.released_at and lock.seconds for lock in taken)
        found += taken
    unpromised, unseen = broken(found)
    assert unpromised == []
    assert unseen == {"undo, remove cms_id from 12 tables"}  # of a migration that is half-way
    assert len([lock for lock in found if lock.step.endswith(": build the index")]) == len(CORE_TABLES)


LOCKED_TOO = """
create table public.elsewhere (id integer);
create function lock_too() returns event_trigger language plpgsql security definer as $$
begin
    lock table public.elsewhere in share mode;
end
$$;
create event trigger lock_too on ddl_command_end when tag in ('ALTER TABLE') execute function lock_too();
"""


@pytest.mark.parametrize("command", [WINDOW, pytest.param(ONLINE, marks=pytest.mark.thorough)])
def test_a_lock_that_is_not_promised_is_seen(baselined_registry: Registry, command: tuple[str, ...]) -> None:
    registry = baselined_registry
    registry.execute(LOCKED_TOO, user=SUPERUSER)
    registry.dbt_ok(*command, variables=NO_BACKUP)
    with registry.connect() as session:
        unpromised, _ = broken(locks(session, AUDIT_SCHEMA))
    assert unpromised
    assert all("SHARE on elsewhere" in line for line in unpromised), unpromised


def test_a_plan_that_is_rolled_back_has_noted_nothing(baselined_registry: Registry) -> None:
    registry = baselined_registry
    registry.execute("update schools set name = name || '.' where id = (select min(id) from schools)")
    assert not registry.dbt(*WINDOW, variables=NO_BACKUP).success
    assert ledger(registry, "migrate-window") == []


@pytest.mark.thorough
def test_a_migration_by_the_views_notes_its_release_too(baselined_registry: Registry) -> None:
    registry = baselined_registry
    registry.dbt_ok("run", variables=NO_BACKUP)
    found = ledger(registry, "migrate-window")
    assert {lock.table for lock in found} == set(CORE_TABLES)
    assert all(lock.released_at for lock in found)


REFUSED_AT_THE_CONSTRAINT = """
create function refuse() returns event_trigger language plpgsql as $$
begin
    if current_query() like '%unique using index%' then
        raise exception 'no more of this';
    end if;
end
$$;
create event trigger refuse on ddl_command_start when tag in ('ALTER TABLE') execute function refuse();
"""


@pytest.mark.thorough
def test_giving_up_half_way_is_an_undo_of_milliseconds(baselined_registry: Registry) -> None:
    registry = baselined_registry
    registry.execute(REFUSED_AT_THE_CONSTRAINT, user=SUPERUSER)
    assert "no more of this" in registry.dbt(*ONLINE, variables=NO_BACKUP).output
    registry.execute("drop event trigger refuse", user=SUPERUSER)
    registry.dbt_ok("run-operation", "abandon_cms_id", variables=NO_BACKUP)
    found = ledger(registry, "undo")
    assert {lock.step for lock in found} == {"remove cms_id from 12 tables"}
    assert broken(found)[0] == []


WAIT = """
create function wait_here() returns event_trigger language plpgsql security definer as $$
begin
    if current_query() like '%student_modules%add constraint%' then
        perform set_config('lock_timeout', '0', true), pg_advisory_lock(4242);
    end if;
end
$$;
create event trigger wait_here on ddl_command_start when tag in ('ALTER TABLE') execute function wait_here();
"""


def test_who_waited_is_seen_from_beside_and_how_far_it_is(baselined_registry: Registry) -> None:
    registry = baselined_registry
    registry.execute(WAIT, user=SUPERUSER)
    connection = connection_of(registry)
    told: list[str] = []
    with registry.connect(SUPERUSER) as holder, registry.connect(application_name="a reader") as reader:
        holder.execute("select pg_advisory_lock(4242)")
        command = registry.start_dbt(*WINDOW, variables={**NO_BACKUP, "window_budget": "10min"})
        with watched(connection, told.append) as found:
            until(lambda: any(re.match(r"table 10 of 12, locked for \d+ s, 5\d\d s left$", words) for words in told))
            waiting = threading.Thread(target=reader.execute, args=["select count(*) from schools"])
            waiting.start()
            until(lambda: len(registry.rows("select from pg_locks where not granted and waitstart is not null")) == 2)
            seen = status(connection)
            assert "Now:         table 10 of 12, locked for" in "\n".join(seen.lines())
            assert "a reader" in "\n".join(seen.lines())
            told.clear()
            until(lambda: len(told) > 2)  # so that it was looked at since
            holder.execute("select pg_advisory_unlock_all()")
            waiting.join()
            assert command.wait() == 0, command.text
    by_relation = {lock.relation: lock for lock in found}
    assert len(by_relation) == len(found) == len(CORE_TABLES)
    waited = by_relation["public.schools"]
    assert waited.waiters == 1
    assert 0 < (waited.longest_wait or 0) < (waited.seconds or 0)
    assert {lock.waiters for lock in found if lock is not waited} == {0}
    assert re.fullmatch(
        r"Longest lock: ACCESS EXCLUSIVE on \w+, .+; 1 seen waiting, the longest for .+\.", lock_sentence(found)
    )
    assert ledger(registry, "migrate-window") == found
    assert status(connection).locks == found


@pytest.mark.thorough
@pytest.mark.every_major
def test_what_an_index_build_locks_is_seen_from_beside(baselined_registry: Registry) -> None:
    registry = baselined_registry
    with registry.connect(autocommit=False) as old:
        old.execute("set transaction isolation level repeatable read")
        old.execute("select count(*) from pg_catalog.pg_class")  # the build waits for whoever has an older snapshot
        command = registry.start_dbt(*ONLINE, variables=NO_BACKUP)
        with watched(connection_of(registry)) as found:
            until(
                lambda: bool(
                    registry.rows(
                        "select from pg_stat_progress_create_index where lockers_total > 0 or phase like 'waiting%%'"
                    )
                )
            )
            threading.Event().wait(1)
            old.rollback()
            assert command.wait() == 0, command.text
    assert broken(found)[0] == []
    assert any(lock.waiters is not None for lock in found if lock.step.endswith(": build the index"))


@pytest.mark.thorough
def test_a_session_that_cannot_look_on_stops_nothing(baselined_registry: Registry) -> None:
    """Its statements are refused as the server's are when it goes away."""
    registry = baselined_registry
    with watched(connection_of(registry)) as found:
        until(lambda: bool(registry.rows("select from pg_stat_activity where query like 'with runner as%%'")))
        ended = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where query like 'with runner as%%'"
        registry.execute(ended, user=SUPERUSER)
        registry.dbt_ok(*WINDOW, variables=NO_BACKUP)
    assert len(found) == len(CORE_TABLES)


def test_a_wait_is_counted_for_as_long_as_is_known_and_nobody_only_where_it_was_looked(
    baselined_registry: Registry,
) -> None:
    at = "2030-01-01 00:00:0{}+00"
    exclusive, row = "AccessExclusiveLock", "RowExclusiveLock"
    held = [
        # step, mode, from, to, longest held, and the looks at it, the first and the last
        ("until the release", exclusive, 0, 0.314, None, (0.15, 0.15)),
        ("nobody looked", exclusive, 1, 1.008, None, None),
        ("gone before", exclusive, 2, 3, None, (2.1, 2.9)),
        ("nobody waited", exclusive, 4, 5, None, (4.1, 4.1)),
        ("again and again", row, 5.2, 7, "0.05", (5.3, 6.9)),
        ("no look at the end", exclusive, 7.1, 9.5, None, (7.2, 7.3)),
    ]
    waits = [
        ("until the release", 0.013, 0.15, 0.15),
        ("gone before", 2.0, 2.1, 2.5),
        (None, 6.89, 6.9, 6.9),
        ("no look at the end", 7.1, 7.3, 7.3),
    ]
    seen: list[tuple[object, ...]] = [
        ("waits", step, exclusive, number, at.format(since), at.format(first), at.format(last))
        for number, (step, since, first, last) in enumerate(waits)
    ]
    with pinned(connection_of(baselined_registry)) as session:
        for step, mode, taken, released, longest, looks in held:
            session.execute(
                SQL("insert into {}.locks values (%s, 'undo', '', %s, %s, %s, %s, %s, %s)").format(
                    Identifier(AUDIT_SCHEMA)
                ),
                [at.format(0), step, step, mode, at.format(taken), at.format(released), longest],
            )
            if looks:
                seen.append(("holds", step, mode, 99, None, at.format(looks[0]), at.format(looks[1])))
        note_seen(session, AUDIT_SCHEMA, at.format(0), seen)
        found = {lock.step: (lock.waiters, lock.longest_wait) for lock in locks(session, AUDIT_SCHEMA)}
    assert found == {
        "until the release": (1, 0.301),
        "nobody looked": (None, None),
        "gone before": (1, 0.5),
        "nobody waited": (0, 0),
        "again and again": (1, 0.01),
        "no look at the end": (1, 0.2),
    }


@pytest.mark.parametrize(
    ("change", "looks"),
    [
        ("comment on database {database} is 'as it is, but for the right'", True),
        ("alter role {owner} set role = {role}", False),
        ("alter role {owner} set role = {role}; grant pg_read_all_stats to {role}", True),
        ("alter role {owner} connection limit 9", False),
        ("alter database {database} connection limit 9", False),
    ],
)
def test_who_looks_on_is_in_nobodys_way(registry: Registry, change: str, *, looks: bool) -> None:
    """A session that the plan's role does not see into is one that blocks the plan."""
    names = {"owner": Identifier(OWNER), "role": Identifier("Mid role"), "database": Identifier(registry.dbname)}
    with registry.connect(SUPERUSER) as superuser:
        superuser.execute(SQL("create role {role}; grant {role} to {owner}").format(**names))
        try:
            superuser.execute(SQL("revoke pg_read_all_stats from {owner}").format(**names))
            superuser.execute(SQL(change).format(**names))
            with pinned(connection_of(registry)) as session, pinned(connection_of(registry)):
                unseen = one_value(
                    session,
                    f"select count(*) from ({render_macro('unseen_sessions')}) as u where u.usename = session_user",
                )
                assert one_value(session, render_macro("may_look_on")) is looks
                assert looks is False or unseen == 0
                assert unseen == ("set role" in change and not looks)
            with watched(connection_of(registry)):
                assert any(thread.name == "watch-locks" for thread in threading.enumerate()) is looks
        finally:
            superuser.execute(
                SQL("alter role {owner} reset role; alter role {owner} connection limit -1").format(**names)
            )
            superuser.execute(SQL("alter database {database} connection limit -1").format(**names))
            superuser.execute(
                SQL("drop owned by {role}; drop role {role}; grant pg_read_all_stats to {owner}").format(**names)
            )


def test_nobody_looks_on_who_would_take_the_last_connections(registry: Registry) -> None:
    query, most = render_macro("may_look_on"), "current_setting('max_connections')"
    assert query.count(most) == 1
    with pinned(connection_of(registry)) as session:
        used = one_value(session, "select count(*) from pg_stat_activity where datid is not null")
        kept = one_value(session, "select current_setting('superuser_reserved_connections')::integer")
        assert one_value(session, query) is True
        assert one_value(session, query.replace(most, f"'{used + kept + 3}'")) is False


@pytest.mark.thorough
def test_a_printed_plan_adds_the_table_that_an_earlier_version_lacks(baselined_registry: Registry) -> None:
    registry = baselined_registry
    registry.execute(f"drop table {AUDIT_SCHEMA}.locks")
    assert ledger(registry, "migrate-window") == status(connection_of(registry)).locks == []
    printed = registry.dbt_ok("--quiet", *WINDOW, "--args", "{dry_run: true}", variables=NO_BACKUP).output
    registry.execute(script_of(printed))
    assert broken(ledger(registry, "migrate-window"))[0] == []
    assert status(connection_of(registry)).locks


def test_the_terminal_says_with_each_step_how_long_the_tables_are_locked() -> None:
    bars = Progress()
    step = DbtStep(StageProgress(bars, "migrate"))
    said = []
    for words, message in (
        ("", "3 of 40 START lock 12 tables"),
        ("table 1 of 12, locked for 2 s, 8 s left", "12 of 40 START schools: add column"),
        ("", "40 of 40 START commit"),
    ):
        step.tick(words)
        step._on_message(message)
        said.append(bars.tasks[0].fields["what"])
    assert said == ["lock 12 tables", "schools: add column; table 1 of 12, locked for 2 s, 8 s left", "commit"]
    step.tick("checks after, locked for 9 s, 1 s left")
    assert bars.tasks[0].fields["what"] == "commit; checks after, locked for 9 s, 1 s left"
