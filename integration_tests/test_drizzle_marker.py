"""The marker migration passes where add_cms_id has run, and stops everywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from driver.drizzle.migrations import Target, marker
from support.local_rows import CORE_TABLES

if TYPE_CHECKING:
    from support.registry import Registry

SQL = marker([Target(None, table, f"{table}_cmsId_unique") for table in CORE_TABLES])
PICTURE = """
    select c.relname, c.relfilenode, a.attname, k.conname
    from pg_class as c
    left join pg_attribute as a on a.attrelid = c.oid and a.attname = 'cms_id'
    left join pg_constraint as k on k.conrelid = c.oid and k.contype = 'u' and k.conkey = array[a.attnum]
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    order by c.relname
"""


def constraints(registry: Registry) -> dict[str, str]:
    return {row[0]: row[3] for row in registry.rows(PICTURE) if row[2]}


def refused(registry: Registry) -> str:
    """What the marker says when it fails; it leaves everything as it was."""
    before = registry.rows(PICTURE)
    with pytest.raises(psycopg.errors.RaiseException) as caught:
        registry.execute(SQL)
    assert registry.rows(PICTURE) == before
    return caught.value.diag.message_primary or ""


@pytest.mark.every_major
def test_it_passes_where_add_cms_id_has_run_and_only_renames(migrated_registry: Registry) -> None:
    rows = "select id, cms_id, xmin from student_modules order by id"
    before, files = migrated_registry.rows(rows), [row[:2] for row in migrated_registry.rows(PICTURE)]
    migrated_registry.execute(SQL)
    assert constraints(migrated_registry) == {table: f"{table}_cmsId_unique" for table in CORE_TABLES}
    migrated_registry.execute(SQL)
    assert migrated_registry.rows(rows) == before
    assert [row[:2] for row in migrated_registry.rows(PICTURE)] == files


def test_it_passes_where_rows_have_been_created_locally_since(migrated_registry: Registry) -> None:
    migrated_registry.execute("insert into modules (code, name) values ('X1', 'local'), ('X2', 'local')")
    migrated_registry.execute(SQL)


@pytest.mark.every_major
def test_it_adds_the_columns_where_the_tables_are_empty(registry: Registry) -> None:
    registry.execute("truncate students, terms, schools, modules cascade")
    registry.execute(SQL)
    assert constraints(registry) == {table: f"{table}_cmsId_unique" for table in CORE_TABLES}
    registry.execute(SQL)


def test_it_stops_where_add_cms_id_has_not_run(registry: Registry) -> None:
    assert "holds rows but has no cms_id yet" in refused(registry)


def test_it_stops_where_one_table_has_been_left_out(migrated_registry: Registry) -> None:
    migrated_registry.execute("alter table structures drop column cms_id")
    assert 'table "structures" holds rows but has no cms_id yet' in refused(migrated_registry)


def test_it_stops_where_a_constraint_is_missing(migrated_registry: Registry) -> None:
    migrated_registry.execute("alter table programs drop constraint programs_cms_id_unique")
    assert 'cms_id of "programs" has no unique constraint' in refused(migrated_registry)


@pytest.mark.parametrize("kind", ["nulls not distinct (cms_id)", "(cms_id) deferrable", "(cms_id, id)"])
def test_another_constraint_will_not_do(migrated_registry: Registry, kind: str) -> None:
    migrated_registry.execute("truncate next_of_kins")
    migrated_registry.execute("alter table next_of_kins drop constraint next_of_kins_cms_id_unique")
    migrated_registry.execute(f"alter table next_of_kins add constraint x unique {kind}")
    assert 'cms_id of "next_of_kins" has no unique constraint' in refused(migrated_registry)


@pytest.mark.parametrize("change", ["type bigint", "set not null", "set default 0"])
def test_it_stops_where_the_column_is_another(migrated_registry: Registry, change: str) -> None:
    migrated_registry.execute(f"alter table schools alter column cms_id {change}")
    assert 'cms_id of "schools" is not a nullable integer without a default' in refused(migrated_registry)


def test_it_stops_where_the_columns_were_never_filled(registry: Registry) -> None:
    for table in CORE_TABLES:
        registry.execute(f'alter table {table} add column cms_id integer constraint "{table}_cmsId_unique" unique')
    assert "not one of their rows has a cms_id" in refused(registry)


def test_it_stops_where_a_table_is_missing_or_a_view(migrated_registry: Registry) -> None:
    migrated_registry.execute("alter table module_prerequisites rename to other")
    assert 'table "module_prerequisites" is missing here' in refused(migrated_registry)
    migrated_registry.execute("create view module_prerequisites as select * from other")
    assert 'table "module_prerequisites" is missing here, or is no ordinary table' in refused(migrated_registry)


def test_names_are_quoted(empty_registry: Registry) -> None:
    name = 'it\'s "Über" %I'
    target = Target(name, name, f"{name} unique")
    with empty_registry.connect() as connection:
        quoted = psycopg.sql.Identifier(name).as_string()
        connection.execute(f"create schema {quoted}".encode())
        connection.execute(f"create table {target.relation} (id integer)".encode())
        connection.execute(marker([target]).encode())
        connection.execute(marker([target]).encode())
