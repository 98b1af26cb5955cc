"""An autovacuum that is at work on a table for as long as a test needs it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from support.registry import SUPERUSER, Registry
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOW = "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1"
DUE = "autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0"
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
    if against_wraparound:  # aged first: no other autovacuum of the table is slow
        burn = "do $$ begin for n in 1 .. 100001 loop perform pg_current_xact_id(); commit; end loop; end $$"
        registry.execute(burn, user=SUPERUSER)
    else:
        registry.execute(f"update {table} set id = id")
    registry.execute(f"alter table {table} set ({SLOW}, {AGED if against_wraparound else DUE})")
    registry.execute("alter system set autovacuum_naptime = '1s'", user=SUPERUSER)
    try:
        registry.execute("select pg_reload_conf()", user=SUPERUSER)
        until(lambda: registry.rows(AT_WORK, [table, against_wraparound], user=SUPERUSER))
        yield
    finally:
        registry.execute("alter system reset autovacuum_naptime", user=SUPERUSER)
        registry.execute("select pg_reload_conf()", user=SUPERUSER)
        registry.rows(END, user=SUPERUSER)
