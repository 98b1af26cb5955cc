"""How long a migration takes and what it needs, estimated from the catalogue's sizes and a look at the server's speed.

The constants were measured on the sample registry at several scales (docs/doctor.md has the figures). What they mean
on the server at hand, and under the load that it bears now, a short piece of the same kind of work tells: hashing
rows that are in no table.
"""

from __future__ import annotations

import timeit
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from driver.macro_sql import render_macro
from driver.result import Figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from driver.dbt_project import CoreTable, DbtProject

PROBE = "select sum(hash_record_extended(row(n, n::text, n * 0.5), 0)::numeric) from pg_catalog.generate_series(1, 300000) as n"
PROBE_SECONDS = 0.093
"""What the probe takes on the machine of the constants."""
PROBES = 3
DISK_RATE = 400e6
"""Bytes per second that reach the disk when the rewritten tables are committed."""


def estimate(session: psycopg.Connection[Any], project: DbtProject, tables: Sequence[CoreTable]) -> dict[str, Figures]:
    """Estimates for either mode of migrating these tables; empty if there is none of them."""
    with session.cursor(row_factory=dict_row) as cursor:
        sizes = cursor.execute(render_macro("migration_sizes", tables=tables).encode()).fetchall()
    if not sizes:
        return {}
    # how many times longer than on the machine of the constants work takes here and now
    taken = timeit.repeat(lambda: session.execute(PROBE.encode()), number=1, repeat=PROBES)
    slowness = min(taken) / PROBE_SECONDS
    return {mode: _estimate(mode, sizes, project, slowness) for mode in ("window", "online")}


def _estimate(mode: str, sizes: Sequence[dict[str, Any]], project: DbtProject, slowness: float) -> Figures:
    rows = sum(int(table["row_count"]) for table in sizes)
    entries = sum(int(table["row_count"] * table["index_count"]) for table in sizes)
    heap = sum(int(table["heap_bytes"]) for table in sizes)
    indexes = sum(int(table["index_bytes"]) for table in sizes)
    disk = int(sum(table[f"{mode}_disk_bytes"] for table in sizes))
    if mode == "window":
        # read and hashed twice, rewritten once, and every index built anew, that of cms_id among them
        work = 0.15 + 1.7e-6 * rows + 0.35e-6 * (entries + rows) + 4e-9 * heap
        seconds = slowness * work + disk / DISK_RATE
        return Figures(rows, seconds, seconds, heap + indexes + 50 * rows, disk)
    # each row hashed, updated and hashed again, one in eight with a new entry in each index; and some statements per table
    work = 0.1 + 0.035 * len(sizes) + 3.8e-6 * rows + 0.95e-6 * entries + 7e-9 * heap
    pace = int(project.var("rows_per_second"))
    seconds = max(slowness * work, rows / pace if pace else 0)
    lock_seconds = slowness * (0.002 + 0.0008 * len(sizes))
    return Figures(rows, seconds, lock_seconds, 120 * rows + 12 * entries + heap, disk)
