"""kill -9 of dbt, of its session and of the whole server, in every phase of online mode: the same command goes on."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import pytest

from driver import control, embedded_server, sample_registry
from driver.embedded_server import EmbeddedServer
from driver.status import read_runner
from support.backups import connection_of
from support.local_rows import CORE_TABLES
from support.registry import AUDIT_SCHEMA, OWNER, Registry
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from driver.status import Runner
    from support.dbt_runner import Dbt, DbtRun

ONLINE = ("run-operation", "add_cms_id", "--args", "{mode: online}")
# Slow enough to be hit, and with every update of a row logged by a trigger of the test's own.
VARIABLES = {"require_backup": False, "batch_size": 100, "rows_per_second": 2000, "allow_update_triggers": True}
RUNNER = "application_name = 'cms_id online migration'"
MOMENTS = {"mark": 2, "batch": 3, "index": 2, "attach": 1}


@pytest.fixture(scope="module")
def port() -> int:
    """One port for every server of this module: dbt parses the project anew when the port changes."""
    return embedded_server._free_port()


@pytest.fixture
def own_registry(major: int, dbt_runner: Dbt, monkeypatch: pytest.MonkeyPatch, port: int) -> Iterator[Registry]:
    """A baselined registry on a server that nobody else uses, so that it may be killed."""
    monkeypatch.setattr(embedded_server, "_free_port", lambda: port)
    # Not below pytest's folder, which the account of the server may not enter; and not the server's own, which goes with it.
    folder = Path(tempfile.mkdtemp(prefix="cmsid-kills-"))
    folder.chmod(0o711)
    server = EmbeddedServer(folder / "server", major, fsync=False).start()
    # as the docs want it: the tests look on as superuser
    server.create_role(OWNER, attributes="in role pg_read_all_stats")
    server.create_database("registry", OWNER)
    with server.connect("registry", OWNER) as connection:
        counts = sample_registry.load(connection, 0.02)
    registry = Registry(server, "registry", dbt_runner, counts)
    registry.dbt_ok("snapshot", variables=VARIABLES)
    registry.execute(
        "create table touched (table_name text, id integer);"
        " create function log_touch() returns trigger language plpgsql as"
        " $$ begin insert into touched values (tg_table_name, new.id); return null; end $$;"
        + "".join(
            f" create trigger log_touch after update on {table} for each row execute function log_touch();"
            for table in CORE_TABLES
        )
    )
    yield registry
    server.stop()
    shutil.rmtree(folder)


def look(registry: Registry, query: str) -> Any:
    """One value, as the superuser sees it; None where the server or the table is not there at the moment."""
    with contextlib.suppress(psycopg.OperationalError, psycopg.errors.UndefinedTable):
        rows = registry.rows(query, user="postgres")
        return rows[0][0] if rows else None
    return None


def kill(registry: Registry, victim: str, finished: list[DbtRun]) -> None:
    """kill -9 one of: dbt's process, the session's process, the server; and have the server up again."""
    running = f"select pid, client_port from pg_stat_activity where {RUNNER}"
    found = until(lambda: registry.rows(running, user="postgres") or finished)
    assert not finished, finished[0].output
    session, port = found[0]
    if victim == "process":
        for connection in psutil.net_connections("tcp"):
            if connection.pid and connection.pid != session and connection.laddr and connection.laddr.port == port:
                os.kill(connection.pid, signal.SIGKILL)
    elif victim == "session":
        os.kill(session, signal.SIGKILL)
    else:
        os.kill(registry.server.pid, signal.SIGKILL)
        until(lambda: not registry.server.running)
        # What it leaves behind ends when it sees that; as long as one is there, no server starts on its data.
        data = str(registry.server.data)
        until(lambda: not any(each.info["cwd"] == data for each in psutil.process_iter(["cwd"])))
        registry.server.stop()
        registry.server.start()
    until(lambda: look(registry, "select 1"))


@contextlib.contextmanager
def holding(registry: Registry, *statements: str) -> Iterator[None]:
    """A session that holds something meanwhile, if it lives so long."""
    connection = registry.connect()
    for statement in statements:
        connection.execute(statement.encode())
    yield
    with contextlib.suppress(psycopg.Error):
        connection.close()


def run_and_kill(registry: Registry, victim: str, phase: str, delay: float) -> DbtRun:
    """One run that is killed in a phase, `delay` seconds (0 to 1) after it has got there."""
    with contextlib.ExitStack() as held:
        if phase == "mark":
            held.enter_context(holding(registry, "begin", "select * from programs limit 1"))
        elif phase == "index":
            held.enter_context(
                holding(registry, "begin isolation level repeatable read", "create table if not exists elsewhere ()")
            )
        elif phase == "attach":
            table = look(
                registry, f"select table_name from {AUDIT_SCHEMA}.migrations where state = 'marked' order by 1 limit 1"
            )
            assert table, "no table is left whose constraint could wait"
            held.enter_context(holding(registry, "begin", f"select * from {table} limit 1"))
        finished = held.enter_context(registry.dbt_beside(*ONLINE, variables=VARIABLES))
        until(lambda: look(registry, f"select count(*) from pg_stat_activity where {RUNNER}"))
        if phase == "batch":
            until(
                lambda: look(registry, f"select sum(rows_filled) from {AUDIT_SCHEMA}.migrations where state = 'marked'")
            )
        elif phase == "index":
            until(lambda: look(registry, "select count(*) from pg_stat_progress_create_index"))
        elif phase == "attach":
            until(lambda: look(registry, f"select count(*) from {AUDIT_SCHEMA}.migrations where state = 'indexed'"))
        time.sleep(delay)
        kill(registry, victim, finished)
        until(lambda: finished, 300)
    # The session of a client that was killed notices a moment later; the next kill must not take it for its own victim.
    until(lambda: look(registry, f"select count(*) from pg_stat_activity where {RUNNER}") == 0)
    assert not finished[0].success, finished[0].output
    return finished[0]


@pytest.mark.thorough
@pytest.mark.parametrize("victim", ["process", "session", "server"])
def test_whatever_is_killed_the_same_command_goes_on(own_registry: Registry, victim: str) -> None:
    registry = own_registry
    chance = random.Random(victim)  # noqa: S311  a seed, no secret
    for phase, times in MOMENTS.items():
        for _ in range(times):
            filled = look(registry, f"select sum(rows_filled) from {AUDIT_SCHEMA}.migrations") or 0
            run_and_kill(registry, victim, phase, chance.random())
            kept = (
                until(
                    lambda: look(registry, f"select 1 + coalesce(sum(rows_filled), 0) from {AUDIT_SCHEMA}.migrations")
                )
                - 1
            )
            assert kept >= filled, "progress was lost"
    left = registry.value(f"select count(*) from {AUDIT_SCHEMA}.migrations where state <> 'done'")
    run = registry.dbt_ok(*ONLINE, variables=VARIABLES)

    # what was killed last may have been the last statement of all, and the server may have ended it
    assert ("going on with the migration that was begun" in run.output) == bool(left)
    assert "all core tables have cms_id" in run.output
    for table in CORE_TABLES:
        rows, right, touched, once = registry.rows(
            f"select count(*), count(*) filter (where cms_id = id),"
            f" (select count(*) from touched where table_name = '{table}'),"
            f" (select count(distinct id) from touched where table_name = '{table}') from {table}"
        )[0]
        assert rows == right == registry.counts[table], f"{table}: rows were forgotten"
        assert touched == once == rows, f"{table}: rows were done twice"
        assert registry.rows(
            f"select m.state, m.rows_filled, sum(b.row_count) from {AUDIT_SCHEMA}.migrations as m"
            f" join {AUDIT_SCHEMA}.batches as b using (migration_id, table_name)"
            f" where table_name = '{table}' group by 1, 2"
        ) == [("done", rows, rows)]
    assert registry.value(f"select bool_and(fingerprint_before = fingerprint_after) from {AUDIT_SCHEMA}.batches")
    assert registry.value(f"select count(*) from {AUDIT_SCHEMA}.migrations") == len(CORE_TABLES)
    assert registry.value("select count(*) from pg_index where not (indisvalid and indisready)") == 0
    assert registry.value("select count(*) from pg_constraint where conname like '%%_cms_id_unique'") == len(
        CORE_TABLES
    )
    cutover = {**VARIABLES, "allow_update_triggers": False}
    tested = registry.dbt("test", variables=cutover)
    assert "core_rows_unchanged" in tested.of_status("pass")
    assert tested.failed_names <= {"catalogue_unchanged", "other_tables_unchanged"}, (
        "only the test's own trigger and table may differ"
    )


@pytest.mark.thorough
@pytest.mark.parametrize("victim", ["process", "session", "server"])
def test_what_people_asked_for_outlives_every_kill(own_registry: Registry, victim: str) -> None:
    """Killed while it waits by its pace, while a pause is asked for that begins later, and while it is paused."""
    registry = own_registry

    def ask(action: control.Action, **options: Any) -> list[str]:
        return control.ask(connection_of(registry.server), action, **options)

    def runner() -> Runner | None:
        with registry.connect() as connection:
            return read_runner(connection, AUDIT_SCHEMA)

    def run_until(moment: Callable[[Runner], bool], then: Callable[[], object]) -> None:
        with registry.dbt_beside(*ONLINE, variables=VARIABLES) as finished:
            until(lambda: look(registry, f"select count(*) from {AUDIT_SCHEMA}.migrations"))
            until(lambda: (found := runner()) and moment(found))
            then()
            kill(registry, victim, finished)
        until(lambda: look(registry, f"select count(*) from pg_stat_activity where {RUNNER}") == 0)
        assert not finished[0].success

    with holding(registry, "begin isolation level repeatable read", "create table elsewhere ()"):
        run_until(
            lambda found: ": index: " in found.step,
            lambda: ask("pause", why="first"),
        )
    assert ask("pause", why="second")[-1].startswith("No runner is at work: the next one begins with this pause.")
    filled = registry.value(f"select sum(rows_filled) from {AUDIT_SCHEMA}.migrations")
    run_until(lambda found: found.paused, lambda: ask("pace", rows_per_second=10))
    assert registry.value(f"select sum(rows_filled) from {AUDIT_SCHEMA}.migrations") == filled
    lifted = ask("resume")
    assert len(lifted) == 3
    assert lifted[0].endswith(": first.")
    assert lifted[1].endswith(": second.")
    # ten rows, and then the rest of the second
    run_until(lambda found: found.fills, lambda: time.sleep(1.5))
    rate = registry.value(
        f"select max(row_count) from (select sum(row_count) over (order by filled_at range '0.9 s' preceding) as row_count"
        f" from {AUDIT_SCHEMA}.batches where filled_at > (select max(happened_at) from {AUDIT_SCHEMA}.controls)) as b"
    )
    assert 0 < rate <= 10
    assert ask("pace", rows_per_second=0)[-1] == "It holds from the next batch on, also after a restart."
    registry.dbt_ok(*ONLINE, variables=VARIABLES)
    for table in CORE_TABLES:
        assert registry.value(f"select count(*) from {table} where cms_id = id") == registry.counts[table]
