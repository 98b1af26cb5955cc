"""What the database holds: counts and moments for the evidence of a report, and where the migration stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from shlex import quote
from string import Formatter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from psycopg import sql
from psycopg.rows import kwargs_row

from driver.backup.session import Session, one_value
from driver.checklist import CHAINS, Facts
from driver.macro_sql import render_macro
from driver.result import BackupFacts, ChainFacts, Lock, TableFacts
from driver.wording import moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driver.dbt_project import CoreTable

Row = TypeVar("Row")

Kind = Literal["not begun", "half-way", "done", "extended", "undone", "unlogged"]
UNFINISHED = ("marked", "backfilled", "indexed")


@dataclass
class TableLog:
    """The newest migration of one core table, as logged; moments are texts in UTC, empty if unknown."""

    table: str
    schema_name: str
    relation_name: str
    state: str
    mode: str
    rows_at_cut_over: int | None
    rows_filled: int
    cut_over_at: str
    finished_at: str
    undone_at: str


def in_audit_schema(audit_schema: str, statement: str) -> sql.Composed:
    """A statement with the names in braces, `{migrations}`, made those of our own relations."""
    return sql.SQL(statement).format(  # type: ignore[arg-type,unused-ignore]
        **{name: sql.Identifier(audit_schema, name) for name in _names_in(statement)}
    )


def rows_of(connection: Session, audit_schema: str, query: str, parameters: Sequence[Any] | None = None) -> list[Any]:
    """The rows of a query on our own relations, their names in braces; none if one of them does not exist."""
    if not all(exists(connection, audit_schema, name) for name in _names_in(query)):
        return []
    return connection.execute(in_audit_schema(audit_schema, query), parameters).fetchall()


def _names_in(statement: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(statement) if name}


def exists(connection: Session, schema: str, name: str) -> bool:
    """Whether a relation exists that this role may see."""
    return bool(
        one_value(connection, "select to_regclass(format('%%I.%%I', %s::text, %s::text)) is not null", schema, name)
    )


def _utc(column: str, seconds: str = "SS") -> str:
    """SQL for a moment as ISO 8601 text in UTC, whatever the session's time zone."""
    return f"""coalesce(to_char({column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:{seconds}"Z"'), '')"""


def migration_log(connection: Session, audit_schema: str) -> dict[str, TableLog]:
    """Core table -> its newest migration; empty if none ever began."""
    moments = ", ".join(map(_utc, ("cut_over_at", "finished_at", "undone_at")))
    query = (
        "select distinct on (table_name) table_name, schema_name, relation_name, state, mode, rows_at_cut_over,"  # noqa: S608 - our own words
        f" rows_filled, {moments} from {{migrations}} order by table_name, migration_id desc"
    )
    return {row[0]: TableLog(*row) for row in rows_of(connection, audit_schema, query)}


def restored_at(connection: Session, audit_schema: str) -> str:
    """When a restore last put this database where it is, as text in UTC; empty if none did."""
    query = f"select {_utc('max(happened_at)')} from {{events}} where event like 'restored%'"  # noqa: S608 - our own words
    return "".join(moment for (moment,) in rows_of(connection, audit_schema, query))


def told_by_online_mode(connection: Session, audit_schema: str) -> dict[str, list[str]]:
    """What the newest online migration has recorded of others' writes, triggers, and signals that it went without: event -> sentences."""
    found: dict[str, list[str]] = {}
    query = (
        "select event, coalesce(table_name || ': ', '') || detail from {events}"
        " where event in ('other writes', 'changed by triggers', 'without signal')"
        " and happened_at >= (select max(cut_over_at) from {migrations} where mode = 'online'"
        " and state not in ('undone', 'abandoned')) order by event_id"
    )
    for event, sentence in rows_of(connection, audit_schema, query):
        found.setdefault(event, []).append(sentence)
    return found


def newest_backup(connection: Session, audit_schema: str, *, verified: bool = False) -> BackupFacts | None:
    """The newest backup that is listed and still there, or of those that are verified."""
    query = (
        f"select backup_id, location, {_utc('taken_at')}, bytes, {_utc('verified_at')} from {{backups}}"  # noqa: S608 - our own words
        f" where pruned_at is null{' and verified_at is not null' * verified} order by taken_at desc limit 1"
    )
    rows = rows_of(connection, audit_schema, query)
    if not rows:
        return None
    backup_id, location, taken_at, size, verified_at = rows[0]
    return BackupFacts(backup_id, location, taken_at, size, verified_at, f"scripts/cmsid restore {quote(backup_id)}")


def macro_rows(connection: Session, kind: type[Row], macro: str, audit_schema: str, *relations: str) -> list[Row]:
    """The rows of a query of the project, as objects; none if one of these relations does not exist."""
    if not all(exists(connection, audit_schema, name) for name in relations):
        return []
    with connection.cursor(row_factory=kwargs_row(kind)) as cursor:
        return cursor.execute(render_macro(macro, audit_schema=audit_schema).encode()).fetchall()


def controls(connection: Session, audit_schema: str, action: str) -> list[tuple[str, int | None]]:
    """What people asked of the online migration that is open, where it still holds: by whom, when and why; and the pace."""
    rows = macro_rows(connection, SimpleNamespace, "controls_in_force", audit_schema, "controls")
    asked = sorted(rows, key=lambda row: row.control_id)
    return [(row.given, row.rows_per_second) for row in asked if row.action == action]


def locks(connection: Session, audit_schema: str, since: str = "") -> list[Lock]:
    """The locks that the newest plan of each command took, if it began after a moment; none where they were not noted."""
    if not exists(connection, audit_schema, "locks"):
        return []
    taken, released = _utc("taken_at", "SS.MS"), _utc("released_at", "SS.MS")
    query = (
        f"select command, table_name, step, relation_name, mode, {taken}, {released}, seconds, waiters, wait_seconds"  # noqa: S608 - our own words
        f" from ({render_macro('locks_query', audit_schema=audit_schema)}) as l where began_at >= %s order by l.taken_at, relation_name"
    )
    return [Lock(*row) for row in connection.execute(query.encode(), [since or "-infinity"]).fetchall()]


def tables_with_cms_id(connection: Session, tables: Sequence[CoreTable]) -> set[str]:
    """The core tables that have a column cms_id."""
    query = f"select table_name from ({render_macro('cms_id_catalogue_query', tables=tables)}) as c where column_exists"  # noqa: S608 - our own words
    return {name for (name,) in connection.execute(query.encode())} if tables else set()


def read_facts(connection: Session, audit_schema: str, tables: Sequence[CoreTable], column_type: str) -> Facts:
    """Everything that is counted for a report: one scan of every core table, and the baseline's own counts."""
    log = migration_log(connection, audit_schema)
    live = [entry for entry in log.values() if entry.state not in ("undone", "abandoned")]
    return Facts(
        tables=_count_tables(connection, audit_schema, tables),
        chains={chain: _count_chain(connection, audit_schema, chain) for chain in CHAINS},
        column_type=column_type,
        mode=live[0].mode if live else "",
        cut_over_at=max((entry.cut_over_at for entry in live), default=""),
        aggregates=_aggregates(connection, audit_schema),
    )


def _count_tables(connection: Session, audit_schema: str, tables: Sequence[CoreTable]) -> list[TableFacts]:
    before = dict(rows_of(connection, audit_schema, "select table_name, row_count from {baseline_tables}"))
    migrated = tables_with_cms_id(connection, tables)
    counted = []
    for table in tables:
        numbers = sql.Composed([sql.SQL("count(*)")])
        if table.name in migrated:
            numbers = sql.SQL(
                "count(*), count(cms_id), count(*) - count(cms_id),"
                " count(*) filter (where cms_id = {0}), count(*) filter (where cms_id <> {0})"
            ).format(sql.Identifier(table.id_column))
        now: Sequence[int] = ()
        if exists(connection, table.schema, table.identifier):
            query = sql.SQL("select {} from only {}").format(numbers, sql.Identifier(table.schema, table.identifier))
            now = connection.execute(query).fetchone() or ()
        counted.append(TableFacts(table.name, before.get(table.name), *now))
    return counted


def _as_of_cut_over(connection: Session, audit_schema: str) -> str:
    """SQL that is true for a snapshot's row that was valid at the cut-over, or is now if there was none."""
    if not exists(connection, audit_schema, "migrations"):
        return "dbt_valid_to is null"
    moment = (
        "(select coalesce(min(cut_over_at), 'infinity') from {migrations} where state not in ('undone', 'abandoned'))"
    )
    return f"dbt_valid_from <= {moment} and (dbt_valid_to is null or dbt_valid_to > {moment})"


def _count_chain(connection: Session, audit_schema: str, chain: str) -> ChainFacts:
    facts = ChainFacts(chain)
    recorded = "select row_count, cardinality(column_names) from {baseline_chains} where chain_name = %s"
    for facts.rows_before, facts.columns in rows_of(connection, audit_schema, recorded, [chain]):
        return facts
    snapshot = f"{chain}_baseline"  # of version 1.0
    query = f"select count(*) from {{{snapshot}}} where {_as_of_cut_over(connection, audit_schema)}"  # noqa: S608 - our own words
    counted = rows_of(connection, audit_schema, query)
    if not counted:
        return facts
    facts.rows_before = counted[0][0]
    facts.columns = one_value(
        connection,
        "select count(*) from pg_catalog.pg_attribute"
        " where attrelid = to_regclass(format('%%I.%%I', %s::text, %s::text))"
        " and attnum > 0 and not attisdropped and attname !~ '^dbt_'",
        audit_schema,
        snapshot,
    )
    return facts


def _aggregates(connection: Session, audit_schema: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    query = (
        "select aggregate_name, aggregate_key, aggregate_value from {aggregates_baseline}"  # noqa: S608 - our own words
        f" where {_as_of_cut_over(connection, audit_schema)} order by 1, 2"
    )
    for name, key, value in rows_of(connection, audit_schema, query):
        text = "NULL" if value is None else f"{value:,.2f}" if value % 1 else f"{value:,.0f}"
        found.setdefault(name, {})[key] = text
    return found


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


def read_state(connection: Session, audit_schema: str, tables: Sequence[CoreTable]) -> MigrationState:
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


def read_logged_state(connection: Session, audit_schema: str) -> MigrationState:
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


def has_local_rows(connection: Session, tables: Sequence[CoreTable]) -> bool:
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
