"""Counts and moments read from the registry and the audit schema, for the evidence of a report and for the status."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Any

from psycopg import sql

from driver.checklist import Facts
from driver.result import BackupFacts, ChainFacts, TableFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from driver.dbt_project import CoreTable

CHAINS = ("student_school_chain", "student_modules_chain", "assessment_marks_chain", "module_prerequisites_chain")


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


def audit_table(schema: str, name: str) -> sql.Identifier:
    """A relation of ours."""
    return sql.Identifier(schema, name)


def exists(connection: psycopg.Connection[Any], schema: str, name: str) -> bool:
    """Whether a relation exists that this role may see."""
    row = connection.execute("select to_regclass(format('%%I.%%I', %s::text, %s::text)) is not null", [schema, name])
    return bool(row.fetchone()[0])  # type: ignore[index]


def utc(column: str) -> sql.SQL:
    """SQL for a moment as ISO 8601 text in UTC, whatever the session's time zone."""
    return sql.SQL(f"""coalesce(to_char({column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), '')""")


def migration_log(connection: psycopg.Connection[Any], audit_schema: str) -> dict[str, TableLog]:
    """Core table -> its newest migration; empty if none ever began."""
    if not exists(connection, audit_schema, "migrations"):
        return {}
    rows = connection.execute(
        sql.SQL(
            "select distinct on (table_name) table_name, schema_name, relation_name, state, mode, rows_at_cut_over,"
            " rows_filled, {}, {}, {}"
            " from {} order by table_name, migration_id desc"
        ).format(utc("cut_over_at"), utc("finished_at"), utc("undone_at"), audit_table(audit_schema, "migrations"))
    )
    return {row[0]: TableLog(*row) for row in rows}


def restored_at(connection: psycopg.Connection[Any], audit_schema: str) -> str:
    """When a restore last put this database where it is, as text in UTC; empty if none did."""
    if not exists(connection, audit_schema, "events"):
        return ""
    row = connection.execute(
        sql.SQL("select {} from {} where event like 'restored%'").format(
            utc("max(happened_at)"), audit_table(audit_schema, "events")
        )
    ).fetchone()
    return str(row[0]) if row else ""


def told_by_online_mode(connection: psycopg.Connection[Any], audit_schema: str) -> dict[str, list[str]]:
    """What the newest online migration has recorded of others' writes and of triggers: event -> a sentence per table."""
    found: dict[str, list[str]] = {}
    if exists(connection, audit_schema, "events"):
        query = sql.SQL(
            "select event, table_name || ': ' || detail from {0} where event in ('other writes', 'changed by triggers')"
            " and happened_at >= (select max(cut_over_at) from {1} where mode = 'online'"
            " and state not in ('undone', 'abandoned')) order by event_id"
        )
        tables = audit_table(audit_schema, "events"), audit_table(audit_schema, "migrations")
        for event, sentence in connection.execute(query.format(*tables)):
            found.setdefault(event, []).append(sentence)
    return found


def newest_backup(connection: psycopg.Connection[Any], audit_schema: str) -> BackupFacts | None:
    """The newest backup that is listed and still there."""
    if not exists(connection, audit_schema, "backups"):
        return None
    row = connection.execute(
        sql.SQL(
            "select backup_id, location, {}, bytes, {} from {} where pruned_at is null order by taken_at desc limit 1"
        ).format(utc("taken_at"), utc("verified_at"), audit_table(audit_schema, "backups"))
    ).fetchone()
    if row is None:
        return None
    backup_id, location, taken_at, size, verified_at = row
    return BackupFacts(backup_id, location, taken_at, size, verified_at, f"scripts/cmsid restore {quote(backup_id)}")


def tables_with_cms_id(connection: psycopg.Connection[Any], tables: Sequence[CoreTable]) -> set[str]:
    """The core tables that have a column cms_id."""
    rows = connection.execute(
        "select t.name from unnest(%s::text[], %s::text[], %s::text[]) as t (name, schema_name, relation_name)"
        " join pg_catalog.pg_attribute as a"
        " on a.attrelid = to_regclass(format('%%I.%%I', t.schema_name, t.relation_name))"
        " where a.attname = 'cms_id' and not a.attisdropped",
        [
            [table.name for table in tables],
            [table.schema for table in tables],
            [table.identifier for table in tables],
        ],
    )
    return {row[0] for row in rows}


def read_facts(
    connection: psycopg.Connection[Any], audit_schema: str, tables: Sequence[CoreTable], column_type: str
) -> Facts:
    """Everything that is counted for a report: one scan of every core table, and the baseline's own counts."""
    log = migration_log(connection, audit_schema)
    live = [entry for entry in log.values() if entry.state not in ("undone", "abandoned")]
    facts = Facts(
        tables=_count_tables(connection, audit_schema, tables),
        column_type=column_type,
        mode=live[0].mode if live else "",
        cut_over_at=max((entry.cut_over_at for entry in live), default=""),
    )
    for chain in CHAINS:
        facts.chains[chain] = _count_chain(connection, audit_schema, chain)
    facts.aggregates = _aggregates(connection, audit_schema)
    return facts


def _count_tables(
    connection: psycopg.Connection[Any], audit_schema: str, tables: Sequence[CoreTable]
) -> list[TableFacts]:
    before: dict[str, int] = {}
    if exists(connection, audit_schema, "baseline_tables"):
        query = sql.SQL("select table_name, row_count from {}").format(audit_table(audit_schema, "baseline_tables"))
        before = dict(connection.execute(query).fetchall())
    migrated = tables_with_cms_id(connection, tables)
    counted = []
    for table in tables:
        facts = TableFacts(table.name, rows_before=before.get(table.name))
        counted.append(facts)
        if not exists(connection, table.schema, table.identifier):
            continue
        relation, key = sql.Identifier(table.schema, table.identifier), sql.Identifier(table.id_column)
        if table.name in migrated:
            query = sql.SQL(
                "select count(*), count(cms_id), count(*) - count(cms_id),"
                " count(*) filter (where cms_id = {0}), count(*) filter (where cms_id <> {0}) from only {1}"
            ).format(key, relation)
            row = connection.execute(query).fetchone()
            assert row is not None  # noqa: S101 - an aggregate without GROUP BY has one row
            facts.rows_after, facts.cms, facts.local, facts.equal, facts.different = row
        else:
            row = connection.execute(sql.SQL("select count(*) from only {}").format(relation)).fetchone()
            facts.rows_after = row[0] if row else None
    return counted


def _as_of_cut_over(connection: psycopg.Connection[Any], audit_schema: str) -> sql.Composable:
    """SQL that is true for a snapshot's row that was valid at the cut-over, or is now if there was none."""
    if not exists(connection, audit_schema, "migrations"):
        return sql.SQL("dbt_valid_to is null")
    moment = sql.SQL(
        "(select coalesce(min(cut_over_at), 'infinity') from {} where state not in ('undone', 'abandoned'))"
    ).format(audit_table(audit_schema, "migrations"))
    return sql.SQL("dbt_valid_from <= {0} and (dbt_valid_to is null or dbt_valid_to > {0})").format(moment)


def _count_chain(connection: psycopg.Connection[Any], audit_schema: str, chain: str) -> ChainFacts:
    facts = ChainFacts(chain)
    snapshot = f"{chain}_baseline"
    if not exists(connection, audit_schema, snapshot):
        return facts
    query = sql.SQL("select count(*) from {} where {}").format(
        audit_table(audit_schema, snapshot), _as_of_cut_over(connection, audit_schema)
    )
    row = connection.execute(query).fetchone()
    facts.rows_before = row[0] if row else None
    columns = connection.execute(
        "select count(*) from pg_catalog.pg_attribute"
        " where attrelid = to_regclass(format('%%I.%%I', %s::text, %s::text))"
        " and attnum > 0 and not attisdropped and attname !~ '^dbt_'",
        [audit_schema, snapshot],
    ).fetchone()
    facts.columns = columns[0] if columns else None
    return facts


def _aggregates(connection: psycopg.Connection[Any], audit_schema: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    if exists(connection, audit_schema, "aggregates_baseline"):
        query = sql.SQL("select aggregate_name, aggregate_key, aggregate_value from {} where {} order by 1, 2").format(
            audit_table(audit_schema, "aggregates_baseline"), _as_of_cut_over(connection, audit_schema)
        )
        for name, key, value in connection.execute(query):
            text = "NULL" if value is None else f"{value:,.2f}" if value % 1 else f"{value:,.0f}"
            found.setdefault(name, {})[key] = text
    return found
