"""How far an online migration is, for `cmsid status`: read from the audit schema and the server's own progress view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import namedtuple_row

from driver.facts import exists
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg


def migration_progress(connection: psycopg.Connection[Any], audit_schema: str) -> Sequence[Any]:
    """The tables of the newest online migration, by name, as `migration_progress_query` has them; empty if there was none."""
    if not all(exists(connection, audit_schema, name) for name in ("migrations", "batches")):
        return []
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(render_macro("migration_progress_query", audit_schema=audit_schema).encode()).fetchall()


def sentence(table: Any) -> str:
    """Where one of these tables is, in one line."""
    parts = [table.state]
    if table.state == "marked":
        counted = table.rows_at_cut_over is not None
        parts = [f"{table.rows_filled:,} of {table.rows_at_cut_over:,} rows" if counted else "rows not yet counted"]
        if table.rows_per_second:
            parts.append(f"{table.rows_per_second:,} rows/s")
        if table.seconds_left:
            parts.append(f"{table.seconds_left} s left")
    elif table.state == "backfilled" and table.index_phase:
        parts = [f"index: {table.index_phase}"]
        if table.index_total:
            parts.append(f"{(table.index_done or 0) * 100 // table.index_total} %")
        if table.index_waits_for:
            parts.append(
                f"waits for {table.index_waits_for} open transactions, now for session {table.index_waits_for_pid}"
            )
    return f"{table.table_name}: {', '.join(parts)}"
