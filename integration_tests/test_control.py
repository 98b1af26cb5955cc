"""Pause, resume and pace: who asks, what the runner does with it, and that it outlives whatever is killed."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import jsonschema
import psycopg
import pytest

from driver import control
from driver.errors import Problem
from driver.facts import controls
from driver.result import as_json
from driver.status import read_runner, status
from quality import schemas
from support.backups import connection_of
from support.local_rows import CORE_TABLES
from support.registry import AUDIT_SCHEMA, NO_BACKUP, OWNER, SUPERUSER, Registry
from support.waiting import until
from test_online import ONLINE, RUNNER, assert_all_filled, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.status import Runner

# Slow enough to be met, fast enough for a test.
PACED = {**NO_BACKUP, "batch_size": 200, "rows_per_second": 1500}


def ask(registry: Registry, action: control.Action, **options: Any) -> list[str]:
    """What somebody is told who asks for something."""
    return control.ask(connection_of(registry.server, registry.dbname), action, **options)


def runner(registry: Registry) -> Runner | None:
    """The runner, as `status` sees it."""
    with registry.connect() as connection:
        return read_runner(connection, AUDIT_SCHEMA)


def filled(registry: Registry) -> int:
    """How many rows have their cms_id."""
    return int(registry.value(f"select sum(rows_filled) from {AUDIT_SCHEMA}.migrations"))


def paused(registry: Registry) -> bool:
    """Whether the runner waits."""
    found = runner(registry)
    return bool(found and found.paused)


def begin(registry: Registry) -> None:
    """Wait until the largest table is being filled."""
    until(
        lambda: (
            state_of(registry, "student_modules") == "marked"
            and registry.value(
                f"select rows_filled from {AUDIT_SCHEMA}.migrations where table_name = 'student_modules'"
            )
        )
    )


@contextlib.contextmanager
def going_on(registry: Registry) -> Iterator[None]:
    """Leave nothing paused behind the block, or whoever waits for the runner would wait for ever."""
    try:
        yield
    finally:
        with contextlib.suppress(Problem):
            ask(registry, "resume")


def assert_holds_nothing(registry: Registry) -> None:
    """Look at the runner through three of its statements: it locks no core table, and no snapshot outlives a statement."""
    seen: set[Any] = set()
    look = (
        "select a.query_start, a.state, a.backend_xmin::text, coalesce(a.xact_start < a.query_start, false),"
        " (select count(*) from pg_locks as l where l.pid = a.pid and l.relation::regclass::text = any(%s))"
        f" from pg_stat_activity as a where {RUNNER}"
    )
    with registry.connect(SUPERUSER) as connection:
        while len(seen) < 4:
            begun, state, snapshot, older, locks = connection.execute(look.encode(), [list(CORE_TABLES)]).fetchall()[0]
            seen.add(begun)
            assert locks == 0
            assert state == "active" or snapshot is None
            assert state in {"active", "idle"}
            assert not older, "a transaction stayed open"
            time.sleep(0.02)


def assert_told_in_ten_lines(registry: Registry) -> None:
    """Look at the status with a second reason to pause: more sessions wait than a limit below none."""
    limits = (
        f"update {AUDIT_SCHEMA}.throttle set limits = limits || jsonb_build_object('max_waiting_sessions', %s::integer)"
    )
    registry.execute(limits, [-1])
    found = status(connection_of(registry.server, registry.dbname))
    registry.execute(limits, [PACED.get("max_waiting_sessions", 8)])
    told = found.lines(80)
    assert len(told) <= 10
    assert max(map(len, told)) <= 80
    text = " ".join(" ".join(told).split())
    assert re.search(r"Now: student_modules: [\d,]+ of [\d,]+ rows, .*last batch \d+ (s|min) ago\.", text)
    assert re.search(rf"Paused: by {OWNER} \(\w+\) at 20.* UTC: the nightly import; ", text)
    assert re.search(r"\d+ sessions wait \(limit -1\)", "".join(found.lines()))
    assert text.endswith("Next: scripts/cmsid resume lets it go on.")
    document = json.loads(as_json(found))
    jsonschema.validate(document, schemas.schema("status"))
    assert document["paused"] is True
    assert document["next_command"] == "scripts/cmsid resume"
    assert next(signal["signal"] for signal in document["signals"] if signal["pauses"]) == "paused"


def test_a_pause_of_an_hour_holds_nothing_and_the_pace_is_kept_after_it(baselined_registry: Registry) -> None:
    registry = baselined_registry
    with registry.dbt_beside(*ONLINE, variables=PACED) as finished, going_on(registry):
        begin(registry)
        first, effect = ask(registry, "pause", why="the nightly import.")
        assert first.startswith(f"Paused by {OWNER} (")
        assert first.endswith(" UTC: the nightly import.")
        assert effect == "Filling stops within a second. To go on: scripts/cmsid resume"
        until(lambda: paused(registry))
        registry.execute(f"update {AUDIT_SCHEMA}.controls set happened_at = happened_at - interval '1 hour'")
        before = filled(registry)
        assert_holds_nothing(registry)
        assert_told_in_ten_lines(registry)
        assert filled(registry) == before
        lifted, effect = ask(registry, "resume")
        assert lifted.startswith("No longer paused by ")
        assert effect == "It goes on within a second."
        resumed = registry.value("select clock_timestamp()")
        # a second's rows are filled at its beginning, so that four seconds' take three at least
        until(lambda: filled(registry) >= before + 4 * PACED["rows_per_second"])
        rate = registry.value(
            f"select sum(row_count) / extract(epoch from max(filled_at) - %s) from {AUDIT_SCHEMA}.batches"
            " where filled_at > %s",
            [resumed, resumed],
        )
        assert rate < 1.5 * PACED["rows_per_second"], "the time of the pause was made up for"
        assert ask(registry, "pace", rows_per_second=0)[0].startswith(f"No limit by {OWNER}")
    assert finished[0].success, finished[0].output
    assert "the nightly import (to go on: scripts/cmsid resume)" in finished[0].output
    assert_all_filled(registry)
    assert [
        event
        for (event,) in registry.rows(
            f"select event from {AUDIT_SCHEMA}.events where event in ('paused', 'went on') order by event_id"
        )
    ] == ["paused", "went on"]


@pytest.mark.thorough
@pytest.mark.alone
def test_filling_stops_within_a_second(baselined_registry: Registry) -> None:
    registry = baselined_registry
    with registry.dbt_beside(*ONLINE, variables=PACED) as finished:
        begin(registry)
        ask(registry, "pause")
        until(lambda: paused(registry))
        stopped_after = registry.value(
            f"select extract(epoch from max(b.filled_at) - (select happened_at from {AUDIT_SCHEMA}.controls))"
            f" from {AUDIT_SCHEMA}.batches as b"
        )
        ask(registry, "pace", rows_per_second=0)
        ask(registry, "resume")
    assert finished[0].success, finished[0].output
    assert stopped_after < 1


def test_nothing_is_paused_where_nothing_is_under_way(baselined_registry: Registry) -> None:
    actions: tuple[control.Action, ...] = ("pause", "resume", "pace")
    for action in actions:
        with pytest.raises(Problem, match=f"No online migration is under way, so there is nothing to {action} "):
            ask(baselined_registry, action)
    assert baselined_registry.value(f"select count(*) from {AUDIT_SCHEMA}.controls") == 0


@pytest.mark.thorough
def test_of_two_who_ask_at_once_the_later_counts_and_knows_of_the_other(baselined_registry: Registry) -> None:
    registry = baselined_registry
    registry.execute(
        f"insert into {AUDIT_SCHEMA}.migrations (migration_id, table_name, schema_name, relation_name, mode, state,"
        " constraint_name) values (1, 'schools', 'public', 'schools', 'online', 'marked', 'schools_cms_id_unique')"
    )
    for _ in range(10):
        barrier = threading.Barrier(2)
        told: dict[control.Action, list[str]] = {}

        def person(action: control.Action, barrier: threading.Barrier, told: dict[control.Action, list[str]]) -> None:
            barrier.wait()
            told[action] = ask(registry, action, why=action)

        people = [threading.Thread(target=person, args=(action, barrier, told)) for action in ("pause", "resume")]
        for thread in people:
            thread.start()
        for thread in people:
            thread.join()
        with registry.connect() as connection:
            holds = controls(connection, AUDIT_SCHEMA, "pause")
        # the pause holds unless whoever resumed was told that it is lifted
        assert bool(holds) == (told["resume"] == ["Nothing is paused."])
        assert told["pause"][0].startswith("Paused by")
        ask(registry, "resume")


@pytest.mark.thorough
def test_who_may_read_the_audit_tables_and_insert_may_ask(baselined_registry: Registry) -> None:
    registry = baselined_registry
    registry.server.create_role("on_call")
    registry.execute(
        f"grant usage on schema {AUDIT_SCHEMA} to on_call; grant select on all tables in schema {AUDIT_SCHEMA} to on_call;"
        f" insert into {AUDIT_SCHEMA}.migrations (migration_id, table_name, schema_name, relation_name, mode, state,"
        " constraint_name) values (1, 'schools', 'public', 'schools', 'online', 'marked', 'schools_cms_id_unique')"
    )
    connection = connection_of(registry.server, registry.dbname, "on_call")
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for table controls"):
            control.ask(connection, "pause")
        registry.execute(f"grant insert on {AUDIT_SCHEMA}.controls to on_call")
        assert control.ask(connection, "pause")[0].startswith("Paused by on_call (")
        # as the documentation has it for any client
        registry.execute(
            f"insert into {AUDIT_SCHEMA}.controls (migration_id, action, why)"
            f" select max(migration_id), 'pause', E'by\nhand' from {AUDIT_SCHEMA}.migrations"
        )
        assert ask(registry, "resume")[1].endswith(" UTC: by hand.")
    finally:
        registry.execute("drop owned by on_call; drop role on_call", user=SUPERUSER)
