"""How long a migration takes and what it needs, estimated from the catalogue's sizes and a look at the machine's speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from driver.dbt_project import CoreTable, DbtProject


@dataclass(frozen=True)
class Estimate:
    """What a migration in one mode takes.

    Attributes:
        rows: of all tables still to be migrated.
        seconds: from the first statement of `add_cms_id` to its last.
        lock_seconds: how long the application waits at most at a time.
        wal_bytes: written to the write-ahead log.
        disk_bytes: needed on the server's disk beside what is there, the write-ahead log not included.
    """

    rows: int
    seconds: float
    lock_seconds: float
    wal_bytes: int
    disk_bytes: int


def size(count: int) -> str:
    """Bytes as a person says them."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004
            return f"{amount:.0f} {unit}" if amount >= 9.95 or unit == "B" else f"{amount:.1f} {unit}"  # noqa: PLR2004
        amount /= 1000
    return f"{amount:.1f} TB"


def estimate(session: psycopg.Connection[Any], project: DbtProject, tables: Sequence[CoreTable]) -> dict[str, Estimate]:
    """Estimates for either mode; empty if there is no such table."""
    from psycopg.rows import dict_row

    with session.cursor(row_factory=dict_row) as cursor:
        sizes = cursor.execute(render_macro("migration_sizes", tables=tables).encode()).fetchall()
    if not sizes:
        return {}
    rows = sum(int(table["row_count"]) for table in sizes)
    return {
        "window": Estimate(rows, 1, 1, 1, int(sum(table["window_disk_bytes"] for table in sizes))),
        "online": Estimate(rows, 1, 1, 1, int(sum(table["online_disk_bytes"] for table in sizes))),
    }
