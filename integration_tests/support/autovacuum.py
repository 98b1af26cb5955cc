"""Autovacuum that is at work in a registry's databases, and takes its time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.embedded_server import EmbeddedServer
    from support.registry import Registry

SLOWLY = "alter table assessment_marks set (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)"


@contextmanager
def slow_autovacuum(registry: Registry) -> Iterator[None]:
    """Autovacuum begins within a second or two, and is slow in this registry and in whatever is restored from it."""
    registry.execute(SLOWLY)
    try:
        _set(registry.server, "set autovacuum_naptime = '1s'")
        yield
    finally:
        _set(registry.server, "reset autovacuum_naptime")


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


def _set(server: EmbeddedServer, change: str) -> None:
    with server.connect() as session:
        session.execute(f"alter system {change}".encode())
        session.execute("select pg_reload_conf()")
