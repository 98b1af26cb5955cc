"""Where the migration stands, from the audit schema's log and the tables themselves, told in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from psycopg import sql

from driver.backup.session import one_value
from driver.facts import TableLog, controls, migration_log, restored_at, tables_with_cms_id
from driver.wording import moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import psycopg

    from driver.dbt_project import CoreTable

Kind = Literal["not begun", "half-way", "done", "extended", "undone", "unlogged"]
UNFINISHED = ("marked", "backfilled", "indexed")


@dataclass(frozen=True)
class MigrationState:
    """The state of the whole registry.

    Attributes:
        kind: `unlogged` means that tables have a cms_id that no migration of ours is known to have made; `extended`, that
            tables became core tables when the others were migrated already.
        tables: how many core tables there are.
        with_column: the core tables that have a cms_id.
        done: how many of them are migrated.
        mode: window or online; empty if it never began.
        rows_filled: rows that have got their cms_id, where the migration is half-way.
        rows_total: rows that are to get one, in the tables that are counted.
        rows_uncounted: whether there are tables that are not counted yet.
        cut_over_at: when rows began to be local, as text in UTC.
        changed_at: when it was finished or undone, as text in UTC.
        paused: who has paused it, when and why, where it is half-way.
        restored_at: when a restore last put this database where it is, as text in UTC; empty if none did, or if unread.
    """

    kind: Kind
    tables: int
    with_column: tuple[str, ...] = ()
    done: int = 0
    mode: str = ""
    rows_filled: int = 0
    rows_total: int = 0
    rows_uncounted: bool = False
    cut_over_at: str = ""
    changed_at: str = ""
    paused: tuple[str, ...] = ()
    restored_at: str = ""

    @property
    def sentence(self) -> str:
        """What the database holds, in one sentence."""
        if self.kind == "not begun":
            return "The migration has not begun: no core table has a cms_id."
        if self.kind == "undone":
            return f"The migration was undone at {moment(self.changed_at)}: no core table has a cms_id."
        if self.kind == "unlogged":
            return f"{', '.join(self.with_column)}: there is a cms_id that no finished migration is known to have made."
        if self.kind == "extended":
            return f"Core tables were added since the migration: {self.done} of {self.tables} have their cms_id."
        if self.kind == "half-way":
            least = "at least " if self.rows_uncounted else ""
            return (
                f"The migration is half-way ({self.mode} mode): {self.done} of {self.tables} tables done,"
                f" {self.rows_filled:,} of {least}{self.rows_total:,} rows."
            )
        return f"The migration is done: {self.tables} of {self.tables} tables, cut-over at {moment(self.cut_over_at)}."


def read_state(connection: psycopg.Connection[Any], audit_schema: str, tables: Sequence[CoreTable]) -> MigrationState:
    """Ask the database where the migration stands."""
    log = migration_log(connection, audit_schema)
    entries = [log[table.name] for table in tables if table.name in log]
    present = tables_with_cms_id(connection, tables)
    live = [entry for entry in entries if entry.state not in ("undone", "abandoned")]
    done = [entry for entry in live if entry.state == "done" and entry.table in present]
    kind: Kind = "not begun"
    if any(entry.state in UNFINISHED for entry in live):
        kind = "half-way"
    elif len(done) == len(tables):
        kind = "done"
    elif present - {entry.table for entry in done}:
        kind = "unlogged"
    elif done:
        kind = "extended"
    elif entries:
        kind = "undone"
    return MigrationState(
        kind=kind,
        tables=len(tables),
        with_column=tuple(sorted(present)),
        done=len(done),
        mode=live[0].mode if live else "",
        rows_filled=sum(entry.rows_filled for entry in live),
        rows_total=sum(entry.rows_at_cut_over or 0 for entry in live),
        rows_uncounted=any(entry.rows_at_cut_over is None for entry in live),
        cut_over_at=max((entry.cut_over_at for entry in live), default=""),
        changed_at=max((entry.undone_at or entry.finished_at for entry in entries), default=""),
        paused=tuple(given for given, _ in controls(connection, audit_schema, "pause")),
    )


def read_logged_state(connection: psycopg.Connection[Any], audit_schema: str) -> MigrationState:
    """Where the migration stands, for whoever does not want to wait for dbt to read the project.

    Without a log it is not known which the core tables are: then a cms_id of any table counts.
    """
    log = migration_log(connection, audit_schema)
    if log:
        state = read_state(connection, audit_schema, logged_tables(log))
        return replace(state, restored_at=restored_at(connection, audit_schema))
    rows = connection.execute(
        "select c.relname from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace"
        " join pg_catalog.pg_attribute as a on a.attrelid = c.oid"
        " where c.relkind = 'r' and a.attname = 'cms_id' and not a.attisdropped and n.nspname <> 'pg_catalog'"
        " and not (n.nspname = %s and pg_catalog.starts_with(c.relname, 'failures_of_')) order by 1",
        [audit_schema],
    ).fetchall()
    return MigrationState("unlogged" if rows else "not begun", len(rows), tuple(row[0] for row in rows))


def logged_tables(log: Mapping[str, TableLog]) -> list[CoreTable]:
    """The core tables as the log has them, for whoever does not want to wait for dbt to read the project."""
    from driver.dbt_project import CoreTable

    return [CoreTable(entry.table, entry.schema_name, entry.relation_name, "id", "") for entry in log.values()]


def has_local_rows(connection: psycopg.Connection[Any], tables: Sequence[CoreTable]) -> bool:
    """Whether rows were created locally since the cut-over, in any table that has its cms_id."""
    present = tables_with_cms_id(connection, tables)
    parts = [
        sql.SQL("exists (select 1 from only {} where cms_id is null)").format(
            sql.Identifier(table.schema, table.identifier)
        )
        for table in tables
        if table.name in present
    ]
    if not parts:
        return False
    return bool(one_value(connection, sql.SQL("select ") + sql.SQL(" or ").join(parts)))
