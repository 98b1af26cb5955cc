"""Autovacuum that is at work for as long as a test needs it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from support.registry import SUPERUSER, Registry
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.embedded_server import EmbeddedServer

SLOW = "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1"
DUE = "autovacuum_enabled = on, autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0"
AGED = "autovacuum_freeze_max_age = 100000, autovacuum_freeze_min_age = 0"
AT_WORK = """
select a.pid from pg_locks as l join pg_stat_activity as a on l.pid = a.pid
where
    a.backend_type = 'autovacuum worker' and l.granted and l.relation = to_regclass(%s)
    and (a.query like '%%wraparound%%') = %s
"""
END = "select pg_terminate_backend(pid, 10000) from pg_stat_activity where backend_type = 'autovacuum worker'"


@contextmanager
def autovacuum_of(registry: Registry, table: str, *, against_wraparound: bool = False) -> Iterator[None]:
    """A table's autovacuum, at work; it would take far longer than any test.

    Args:
        registry: the registry.
        table: which table, of some size.
        against_wraparound: one that the server ends for nobody.
    """
    # Rows that no ordinary autovacuum has dealt with, before or meanwhile, or there may be little left to do.
    registry.execute(f"alter table {table} set ({SLOW}, autovacuum_enabled = off)")
    registry.execute(f"update {table} set id = id")
    if against_wraparound:
        burn = "do $$ begin for n in 1 .. 100001 loop perform pg_current_xact_id(); commit; end loop; end $$"
        registry.execute(burn, user=SUPERUSER)
    registry.execute(f"alter table {table} set ({AGED if against_wraparound else DUE})")
    try:
        with _begun_often(registry.server):
            until(lambda: registry.rows(AT_WORK, [table, against_wraparound], user=SUPERUSER))
            yield
    finally:
        registry.rows(END, user=SUPERUSER)


@contextmanager
def slow_autovacuum(registry: Registry) -> Iterator[None]:
    """Autovacuum begins within a second or two, and is slow in this registry and in whatever is restored from it."""
    registry.execute(f"alter table assessment_marks set ({SLOW})")
    with _begun_often(registry.server):
        yield


def wait_for_worker(server: EmbeddedServer, database: str) -> None:
    """Wait until autovacuum is at work in a database."""
    with server.connect() as session:
        until(
            lambda: (
                session.execute(
                    "select from pg_stat_activity where backend_type = 'autovacuum worker' and datname = %s", [database]
                ).fetchone()
                is not None
            )
        )


@contextmanager
def _begun_often(server: EmbeddedServer) -> Iterator[None]:
    """For the block, autovacuum looks every second whether there is something to do."""
    try:
        _set(server, "set autovacuum_naptime = '1s'")
        yield
    finally:
        _set(server, "reset autovacuum_naptime")


def _set(server: EmbeddedServer, change: str) -> None:
    with server.connect() as session:
        session.execute(f"alter system {change}".encode())
        session.execute("select pg_reload_conf()")
