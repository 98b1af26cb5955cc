"""How far an online migration is, for `cmsid status`: read from the audit schema and the server's own progress view."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from driver.facts import exists
from driver.macro_sql import render_macro
from driver.migration_state import UNFINISHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg


@dataclass(frozen=True)
class TableProgress:
    """Where one core table stands in the newest online migration.

    Attributes:
        table_name: the core table.
        state: marked, backfilled, indexed, done, undone or abandoned.
        rows_at_cut_over: rows that bore the mark; None until they are counted.
        rows_filled: rows filled so far.
        rows_per_second: rate of the last ten seconds; None while nothing is filled.
        seconds_left: estimate for filling the rest; None when there is nothing to estimate from.
        index_phase: the server's word for what the index build does now; None when none runs.
        index_done: tuples, or blocks, that phase has done.
        index_total: of how many.
        index_waits_for: transactions that the build still waits for.
        index_waits_for_pid: the session it waits for now; 0 when none.
    """

    table_name: str
    state: str
    rows_at_cut_over: int | None
    rows_filled: int
    rows_per_second: int | None
    seconds_left: int | None
    index_phase: str | None
    index_done: int | None
    index_total: int | None
    index_waits_for: int | None
    index_waits_for_pid: int | None

    @property
    def unfinished(self) -> bool:
        """Whether the migration of this table has begun and not ended."""
        return self.state in UNFINISHED

    def __str__(self) -> str:
        """One line for people."""
        if self.state == "marked":
            counted = self.rows_at_cut_over is not None
            parts = [f"{self.rows_filled:,} of {self.rows_at_cut_over:,} rows" if counted else "rows not yet counted"]
            if self.rows_per_second:
                parts.append(f"{self.rows_per_second:,} rows/s")
            if self.seconds_left:
                parts.append(f"{self.seconds_left} s left")
        elif self.state == "backfilled" and self.index_phase:
            parts = [f"index: {self.index_phase}"]
            if self.index_total:
                parts.append(f"{(self.index_done or 0) * 100 // self.index_total} %")
            if self.index_waits_for:
                parts.append(
                    f"waits for {self.index_waits_for} open transactions, now for session {self.index_waits_for_pid}"
                )
        else:
            parts = [self.state]
        return f"{self.table_name}: {', '.join(parts)}"


def migration_progress(connection: psycopg.Connection[Any], audit_schema: str) -> Sequence[TableProgress]:
    """The tables of the newest online migration, by name; empty when there was none.

    Args:
        connection: to the registry; any role that may read the audit schema.
        audit_schema: name of the schema with our own tables.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        if not all(exists(connection, audit_schema, name) for name in ("migrations", "batches")):
            return []
        cursor.execute(render_macro("migration_progress_query", audit_schema=audit_schema).encode())
        names = [field.name for field in fields(TableProgress)]
        return [TableProgress(**{name: row[name] for name in names}) for row in cursor]
