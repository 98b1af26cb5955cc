"""Signals by which online mode pauses: each stops the filling, is named by `status`, and lets it go on when it is gone.

On a primary with a real streaming standby and a WAL archiver. One slow migration runs beside all these tests; it begins again
when it has ended.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from conftest import majors
from driver import sample_registry
from driver.doctor import examine
from driver.embedded_server import EmbeddedServer
from driver.status import status
from support.registry import AUDIT_SCHEMA, NO_BACKUP, OWNER, SUPERUSER, Registry, undone
from support.sample_project import SampleProject, connection_of
from support.standby import NAME, Standby, standby_of
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.dbt_runner import Dbt
    from support.forker import Command

ONLINE = ("run-operation", "add_cms_id", "--args", "{mode: online}")
TEMPLATE = "template_baselined"
LIMITS = {"max_replica_lag": "1MB", "max_slot_wal": "6MB", "max_archive_backlog": "48MB", "max_waiting_sessions": 20}
SLOWLY = {**NO_BACKUP, **LIMITS, "batch_size": 100, "rows_per_second": 100, "max_commit_latency": "500ms"}
STOPS_WITHIN, NAMED_WITHIN = 2.0, 1.0
BESIDE_OTHERS = 3
ARCHIVES_AGAIN = ("alter system set archive_command = 'true'", "select pg_reload_conf()", "select pg_switch_wal()")
HIDE, SHOW = f"revoke pg_read_all_stats from {OWNER}", f"grant pg_read_all_stats to {OWNER}"


@dataclass
class Filling:
    """A slow online migration on a server with a standby.

    Attributes:
        registry: its registry.
        standby: the standby.
        command: dbt at work.
        stops_within: how many seconds after the cause it has stopped.
    """

    registry: Registry
    standby: Standby
    command: Command | None = None
    stops_within: float = STOPS_WITHIN

    def begin(self) -> None:
        """See to it that it fills."""
        if self.command and not self.command.ended and self.rows_left() > 1500:  # what a test takes, and more
            return
        self.end()
        server = self.registry.server
        server.drop_database(self.registry.dbname)
        server.create_database(self.registry.dbname, OWNER, TEMPLATE)
        self.command = self.registry.start_dbt(*ONLINE, variables=SLOWLY)
        until(lambda: self.rows_left() and self.fills(), 60, lambda: self.command.text if self.command else "")

    def end(self) -> None:
        """End it at once."""
        if self.command:
            self.command.kill()

    def value(self, query: str) -> Any:
        """The first column of the first row, as superuser: the owner's rights come and go."""
        return self.registry.value(query, user=SUPERUSER)

    def rows_left(self) -> int:
        """Rows of the largest table that are still to be filled; 0 before its turn."""
        if not self.value(f"select to_regclass('{AUDIT_SCHEMA}.throttle') is not null"):
            return 0
        query = "select rows_at_cut_over - rows_filled from {}.migrations where table_name = 'student_modules' and rows_filled > 0"
        return self.value(f"select coalesce(({query.format(AUDIT_SCHEMA)}), 0)") or 0

    def fills(self) -> bool:
        """Whether a batch was filled within the last second or so."""
        return bool(
            self.value(f"select max(filled_at) > clock_timestamp() - interval '1.2 s' from {AUDIT_SCHEMA}.batches")
        )

    def execute(self, *statements: str) -> None:
        """Run statements as the superuser, each a transaction."""
        with self.registry.connect(SUPERUSER) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def write_wal(self, megabytes: int) -> None:
        """Write WAL, and nothing else."""
        self.execute(
            f"select pg_logical_emit_message(false, 'test', repeat('x', 1 << 20)) from generate_series(1, {megabytes})"
        )

    def status(self) -> str:
        """What `cmsid status` says."""
        return " ".join(" ".join(status(connection_of(self.registry)).lines()).split())

    @contextlib.contextmanager
    def paused(self, named: str, cause: float | None = None) -> Iterator[None]:
        """Assert that filling has stopped in time, that `status` names why, and that it goes on after the block.

        Args:
            named: what `status` says of the cause.
            cause: when it was there; default: now.
        """
        cause = cause or time.time()
        until(lambda: named in self.status(), self.stops_within + NAMED_WITHIN, self.status)
        time.sleep(max(0, cause + self.stops_within + 1.5 - time.time()))  # longer than it ever sleeps for its pace
        last = self.value(f"select extract(epoch from max(filled_at))::float8 from {AUDIT_SCHEMA}.batches")
        assert last < cause + self.stops_within, f"filled {last - cause:.1f} s after the cause"
        assert named in self.status()
        assert self.command
        assert not self.command.ended, self.command.text
        yield
        until(self.fills, 20, lambda: f"it does not go on: {self.status()}")
        until(lambda: named not in self.status(), 5, self.status)
        assert named in self.command.text
        assert self.value(
            f"select count(*) from {AUDIT_SCHEMA}.events where event = 'throttled' and detail ~ '^for [0-9]+ s: '"
        )


@pytest.fixture(scope="module")
def pair(dbt_runner: Dbt) -> Iterator[Filling]:
    """A primary with a registry, an archiver that succeeds, and a standby."""
    settings = {"fsync": "off", "full_page_writes": "off", "archive_mode": "on", "max_wal_size": "1GB"}
    with EmbeddedServer(major=majors()[-1], settings=settings) as primary:
        primary.create_role(OWNER, attributes="createdb in role pg_read_all_stats")
        primary.create_database("registry", OWNER)
        registry = Registry(primary, "registry", dbt_runner, {})
        with registry.connect() as connection:
            registry.counts = sample_registry.load(connection, 0.02)
        registry.dbt_ok("snapshot", variables=NO_BACKUP)
        with primary.connect() as connection:
            connection.execute(f'alter database "registry" rename to "{TEMPLATE}"')
            connection.execute("alter system set archive_command = 'true'")
            connection.execute("select pg_reload_conf()")
        with standby_of(primary) as standby:
            filling = Filling(registry, standby)
            try:
                yield filling
            finally:
                filling.end()


@pytest.fixture
def filling(pair: Filling, request: pytest.FixtureRequest) -> Filling:
    """A migration that fills; beside other tests it may take longer to stop."""
    pair.stops_within = STOPS_WITHIN if request.node.get_closest_marker("alone") else BESIDE_OTHERS * STOPS_WITHIN
    pair.begin()
    return pair


@pytest.fixture
def cause() -> Iterator[contextlib.ExitStack]:
    """How the cause of a pause is taken away; at the end of a test that fails, too."""
    with contextlib.ExitStack() as stack:
        yield stack


# ---- replicas


def test_a_standby_that_does_not_replay(filling: Filling, cause: contextlib.ExitStack) -> None:
    """It has received all, and applied nothing: lag counts what is applied."""
    cause.callback(filling.standby.execute, "select pg_wal_replay_resume()")
    filling.standby.execute("select pg_wal_replay_pause()")
    filling.write_wal(3)
    with filling.paused(f"the replica {NAME} is 3"):
        cause.close()


@pytest.mark.thorough
@pytest.mark.alone
def test_a_standby_that_hangs(filling: Filling, cause: contextlib.ExitStack) -> None:
    cause.enter_context(filling.standby.hung())
    filling.write_wal(3)
    with filling.paused(f"the replica {NAME} is 3"):
        cause.close()


@pytest.mark.thorough
@pytest.mark.alone
def test_a_standby_that_is_killed(filling: Filling, cause: contextlib.ExitStack) -> None:
    """It does not count as none: the slot that it leaves behind holds back WAL, too."""
    cause.callback(filling.standby.start)
    filling.standby.kill()
    with filling.paused(f"the replica {NAME} has gone since the command began (bring it back, or end the command"):
        filling.write_wal(8)
        until(lambda: f"the replication slot {NAME} holds back" in filling.status(), 5, filling.status)
        assert "and nobody reads from it" in filling.status()
        cause.close()


@pytest.mark.thorough
@pytest.mark.alone
def test_a_right_that_is_revoked(filling: Filling, cause: contextlib.ExitStack) -> None:
    """Without a slot, nothing else says how far a replica is."""
    cause.callback(filling.standby.stream_by, NAME)
    filling.standby.stream_by(None)
    cause.callback(filling.execute, SHOW)
    filling.execute(HIDE)
    with filling.paused(
        f"how far the replica {NAME} is cannot be seen by {OWNER} (have a superuser run `grant pg_read_all_stats to {OWNER}`,"
        " or set var go_without_signals to [replica_lag])"
    ):
        filling.execute(SHOW)
    cause.close()


@pytest.mark.thorough
@pytest.mark.alone
def test_lag_that_only_the_slot_shows(filling: Filling, cause: contextlib.ExitStack) -> None:
    cause.callback(filling.execute, SHOW)
    cause.enter_context(filling.standby.hung())
    filling.execute(HIDE)
    filling.write_wal(3)
    with filling.paused(f"behind by its slot {NAME}"):
        cause.close()


# ---- slots and the archive


@pytest.mark.thorough
@pytest.mark.alone
def test_a_slot_that_was_left_behind(filling: Filling, cause: contextlib.ExitStack) -> None:
    cause.callback(filling.execute, "select pg_drop_replication_slot('left_behind')")
    filling.execute("select pg_create_physical_replication_slot('left_behind', true)")
    filling.write_wal(8)
    with filling.paused("the replication slot left_behind holds back"):
        cause.close()


@pytest.mark.thorough
@pytest.mark.alone
def test_an_archiver_that_fails(filling: Filling, cause: contextlib.ExitStack) -> None:
    cause.callback(filling.execute, *ARCHIVES_AGAIN)
    filling.execute("alter system set archive_command = 'false'", "select pg_reload_conf()")
    filling.write_wal(1)
    filling.execute("select pg_switch_wal()")
    failed = (
        "select extract(epoch from last_failed_time)::float8 from pg_stat_archiver"
        " where last_failed_time > coalesce(last_archived_time, '-infinity')"
    )
    when = until(lambda: filling.registry.rows(failed), 20)[0][0]
    with filling.paused("WAL cannot be archived", when):
        cause.close()


@pytest.mark.thorough
@pytest.mark.alone
def test_wal_that_waits_for_the_archiver(filling: Filling, cause: contextlib.ExitStack) -> None:
    """No command is set, so none fails."""
    cause.callback(filling.execute, *ARCHIVES_AGAIN)
    filling.execute("alter system set archive_command = ''", "select pg_reload_conf()")
    for _ in range(5):
        filling.write_wal(1)
        filling.execute("select pg_switch_wal()")
    with filling.paused("of WAL wait to be archived"):
        cause.close()


# ---- sessions, commits, disk


@pytest.mark.thorough
@pytest.mark.alone
def test_thirty_two_sessions_that_wait(filling: Filling, cause: contextlib.ExitStack) -> None:
    registry = filling.registry
    filling.execute("create table elsewhere ()")
    cause.callback(filling.execute, "drop table elsewhere")
    blocker = cause.enter_context(registry.connect(SUPERUSER))
    waiters = [registry.connect(SUPERUSER) for _ in range(32)]
    threads = [threading.Thread(target=waiter.execute, args=("select * from elsewhere",)) for waiter in waiters]
    for waiter, thread in zip(waiters, threads, strict=True):
        cause.callback(waiter.close)
        cause.callback(thread.join)
    cause.callback(blocker.execute, "rollback")
    blocker.execute("begin")
    blocker.execute("lock table elsewhere")
    for thread in threads:
        thread.start()
    until(lambda: filling.value("select count(*) from pg_locks where not granted") == 32)
    with filling.paused("32 sessions wait"):
        cause.close()


@pytest.mark.thorough
@pytest.mark.alone
def test_waits_that_are_hidden(filling: Filling, cause: contextlib.ExitStack) -> None:
    cause.callback(filling.execute, SHOW)
    other = cause.enter_context(filling.registry.connect(SUPERUSER))
    other.execute("select 1")
    filling.execute(HIDE)
    with filling.paused(f"what sessions of {SUPERUSER} wait for, other than locks, cannot be seen by {OWNER}"):
        cause.close()


@pytest.mark.thorough
@pytest.mark.alone
def test_commits_that_are_slow(filling: Filling, cause: contextlib.ExitStack) -> None:
    """As the application's are: each waits for a standby that answers nothing."""
    cause.callback(filling.execute, "alter system reset synchronous_standby_names", "select pg_reload_conf()")
    cause.enter_context(filling.standby.hung())
    filling.execute(f"alter system set synchronous_standby_names = '{NAME}'", "select pg_reload_conf()")
    with filling.paused("a commit takes"):
        cause.close()


@pytest.mark.thorough
@pytest.mark.alone
def test_a_disk_that_fills_up(filling: Filling, cause: contextlib.ExitStack) -> None:
    """As it was said to be, less what the database has grown."""
    throttle = (
        f"update {AUDIT_SCHEMA}.throttle set bytes_when_begun = pg_database_size(current_database()),"
        " wal_when_begun = pg_current_wal_lsn(), limits = limits || "
    )
    cause.callback(filling.execute, throttle + """'{"server_disk_free": ""}'""")
    filling.execute(throttle + """'{"server_disk_free": "60MB", "min_disk_free": "40MB"}'""")
    cause.callback(filling.execute, "drop table large")
    filling.execute("create unlogged table large as select md5(i::text) from generate_series(1, 500000) as i")
    with filling.paused("the server's disk has about"):
        cause.close()


# ---- before it begins


def test_what_cannot_be_read_is_refused_beforehand(baselined_registry: Registry) -> None:
    """By command and doctor, in the same words; and a var goes without, which is kept."""
    registry = baselined_registry
    with undone(registry, HIDE, SHOW), registry.connect(SUPERUSER) as other:
        other.execute("select 1")
        sentence = f"what sessions of {SUPERUSER} wait for, other than locks, cannot be seen by {OWNER}"
        refused = registry.dbt(*ONLINE, variables=NO_BACKUP)
        assert not refused.success
        assert f"{sentence} (have a superuser run `grant pg_read_all_stats to {OWNER}`" in refused.output
        assert "Nothing was changed" in refused.output
        assert (
            registry.value(
                "select count(*) from pg_attribute where attname = 'cms_id' and attrelid = 'schools'::regclass"
            )
            == 0
        )
        found = examine(connection_of(registry), SampleProject())
        assert sentence in found.refusal("online")
        assert sentence not in found.refusal("window")
        without = {"go_without_signals": ["waiting_sessions"]}
        assert sentence not in examine(connection_of(registry), SampleProject(variables=without)).refusal("online")
        registry.dbt_ok(*ONLINE, variables={**NO_BACKUP, **without})
        kept = registry.rows(f"select detail from {AUDIT_SCHEMA}.events where event = 'without signal'")
        assert kept == [(f"filled without the signal waiting_sessions: {sentence}",)]


@pytest.mark.thorough
def test_a_view_that_a_role_may_not_read_is_refused_beforehand(registry: Registry) -> None:
    """What the server lets everybody read, and somebody has revoked."""
    revoke, grant = (
        f"{words} public" for words in ("revoke select on pg_stat_archiver from", "grant select on pg_stat_archiver to")
    )
    with undone(registry, revoke, grant):
        found = examine(connection_of(registry), SampleProject())
        assert "permission denied for view pg_stat_archiver" in found.refusal("online")
        assert f"have a superuser grant that to {OWNER}" in found.refusal("online")
        assert found.refusal("window") == ""


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("max_slot_wal", "much", 'var max_slot_wal is "much", and can be a size such as 64MB'),
        ("max_waiting_sessions", -1, "var max_waiting_sessions is -1, and can be a number"),
        ("max_commit_latency", "", 'var max_commit_latency is "", and can be a time such as 120s or 10min'),
        ("go_without_signals", "replica_lag", "can be a list of replica_lag, waiting_sessions"),
        ("go_without_signals", ["slot_wal"], "can be a list of replica_lag, waiting_sessions"),
    ],
)
def test_a_wrong_var_ends_it(registry: Registry, name: str, value: object, told: str) -> None:
    run = registry.dbt(*ONLINE, variables={**NO_BACKUP, name: value})
    assert not run.success
    assert told in run.output


@pytest.mark.thorough
@pytest.mark.alone
def test_a_replica_that_cannot_be_seen_is_refused_beforehand(filling: Filling, cause: contextlib.ExitStack) -> None:
    filling.end()
    cause.callback(filling.standby.stream_by, NAME)
    filling.standby.stream_by(None)
    registry = filling.registry
    with undone(registry, HIDE, SHOW):
        found = examine(connection_of(registry), SampleProject())
        assert f"how far the replica {NAME} is cannot be seen by {OWNER}" in found.refusal("online")
