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
where a.backend_type = 'autovacuum worker' and l.granted and l.relation = %s::regclass
"""


@contextmanager
def autovacuum_of(registry: Registry, table: str, *, against_wraparound: bool = False) -> Iterator[int]:
    """A table's autovacuum, at work; it would take far longer than any test. Gives its worker's pid.

    Args:
        registry: the registry.
        table: which table, of some size.
        against_wraparound: one that the server ends for nobody.
    """
    registry.execute(f"alter table {table} set ({SLOW}, {AGED if against_wraparound else DUE})")
    if against_wraparound:
        burn = "do $$ begin for n in 1 .. 100001 loop perform pg_current_xact_id(); commit; end loop; end $$"
        registry.execute(burn, user=SUPERUSER)
    else:
        registry.execute(f"update {table} set id = id")
    registry.execute("alter system set autovacuum_naptime = '1s'", user=SUPERUSER)
    try:
        registry.execute("select pg_reload_conf()", user=SUPERUSER)
        yield until(lambda: registry.rows(AT_WORK, [table], user=SUPERUSER))[0][0]
    finally:
        registry.execute("alter system reset autovacuum_naptime", user=SUPERUSER)
        registry.execute("select pg_reload_conf()", user=SUPERUSER)
        registry.execute(f"alter table {table} set (autovacuum_enabled = off)")
