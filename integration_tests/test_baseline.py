"""What a baseline is: of one moment, typed, frozen at the cut-over, and the same in whatever session it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driver.backup.take import take_backup
from driver.facts import read_facts
from support.backups import connection_of
from support.local_rows import CORE_TABLES
from support.picture import Picture, picture
from support.registry import AUDIT_SCHEMA, NO_BACKUP, SUPERUSER, Registry

if TYPE_CHECKING:
    from pathlib import Path

ADD = ("run-operation", "add_cms_id")


def kept(registry: Registry) -> Picture:
    """The rows that are kept, and what is recorded of them."""
    with registry.connect() as connection:
        everything = picture(connection, ("public",))
    return {key: value for key, value in everything.items() if f"{AUDIT_SCHEMA}.baseline_" in key[1]}


def versions(registry: Registry, snapshot: str, key: str, value: object) -> list[tuple[object, ...]]:
    """All versions of a row in a snapshot: whether each is closed, oldest first."""
    return registry.rows(
        f"select dbt_valid_to is not null from {AUDIT_SCHEMA}.{snapshot} where {key}::text = %s"
        " order by dbt_valid_from",
        [str(value)],
    )


@pytest.mark.thorough
@pytest.mark.every_major
def test_a_baseline_taken_again_before_the_cut_over_moves_on(baselined_registry: Registry) -> None:
    registry = baselined_registry
    school = registry.value("select min(id) from schools")
    registry.execute("update schools set code = 'moved on' where id = %s", [school])
    kin = registry.value("select min(id) from next_of_kins")
    registry.execute("delete from next_of_kins where id = %s", [kin])
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    assert (
        registry.value(f"select code from {AUDIT_SCHEMA}.baseline_rows_schools where id = %s", [school]) == "moved on"
    )
    assert registry.rows(f"select 1 from {AUDIT_SCHEMA}.baseline_rows_next_of_kins where id = %s", [kin]) == []
    assert versions(registry, "row_counts_baseline", "table_name", "next_of_kins") == [(True,), (False,)]
    assert versions(registry, "row_counts_baseline", "table_name", "schools") == [(False,)]
    registry.dbt_ok(*ADD, variables=NO_BACKUP)
    assert {result.status for result in registry.dbt_ok("test", variables=NO_BACKUP).results} == {"pass"}


def test_a_baseline_of_nothing_new_adds_nothing(baselined_registry: Registry) -> None:
    registry = baselined_registry
    snapshots = ("row_counts_baseline", "aggregates_baseline")
    before = {name: registry.value(f"select count(*) from {AUDIT_SCHEMA}.{name}") for name in snapshots}
    assert before["row_counts_baseline"] == 12
    chains = (
        f"select chain_name, row_count, fingerprint_a, fingerprint_b from {AUDIT_SCHEMA}.baseline_chains order by 1"
    )
    links = registry.rows(chains)
    assert {name: number for name, number, *_ in links} == {
        "student_school_chain": registry.counts["student_programs"],
        "student_modules_chain": registry.counts["student_modules"],
        "assessment_marks_chain": registry.counts["assessment_marks"],
        "module_prerequisites_chain": registry.counts["module_prerequisites"],
    }
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    assert {name: registry.value(f"select count(*) from {AUDIT_SCHEMA}.{name}") for name in snapshots} == before
    assert registry.rows(chains) == links
    twice = "select count(*) - count(distinct dbt_scd_id) from {}.{}"
    assert {registry.value(twice.format(AUDIT_SCHEMA, name)) for name in snapshots} == {0}


@pytest.mark.thorough
def test_a_baseline_taken_again_after_the_cut_over_moves_nothing(migrated_registry: Registry) -> None:
    registry = migrated_registry
    before = kept(registry)
    # 12 core tables, 3 that chains read besides, 2 of fingerprints
    assert len([key for key in before if key[0] == "rows"]) == 17
    mark = registry.value("select min(id) from assessment_marks")
    registry.execute("delete from assessment_marks where id = %s", [mark])
    school, code = registry.rows("select id, code from schools order by id limit 1")[0]
    registry.execute("update schools set code = 'later' where id = %s", [school])
    registry.execute("update student_modules set marks = '100' where marks = (select max(marks) from student_modules)")
    for _ in range(2):
        registry.dbt_ok("snapshot", variables=NO_BACKUP)
    assert kept(registry) == before

    run = registry.dbt("test", variables=NO_BACKUP)
    assert run.of_status("error") == set()
    assert [row["key"] for row in run["assessment_marks_chain_unchanged"].rows] == [str(mark)]
    changed = {(row["expected"], row["actual"]) for row in run["student_school_chain_unchanged"].rows}
    assert changed == {(code, "later")}
    assert {row["key"] for row in run["students_per_school_unchanged"].rows} == {
        f"students_per_school: {code}",
        "students_per_school: later",
    }
    assert run["marks_unchanged"].rows


@pytest.mark.thorough
def test_a_table_that_joins_later_moves_no_goalposts(migrated_registry: Registry) -> None:
    """As if `terms` had been made a core table a year later: its cut-over is another one, and counts for it alone."""
    registry = migrated_registry
    mark = registry.value("select min(id) from assessment_marks")
    registry.execute("delete from assessment_marks where id = %s", [mark])
    registry.execute("delete from next_of_kins where id = (select min(id) from next_of_kins)")
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    registry.execute(
        f"insert into {AUDIT_SCHEMA}.migrations (migration_id, table_name, schema_name, relation_name, mode, state,"
        " constraint_name, cut_over_at) values (2, 'terms', 'public', 'terms', 'window', 'done', 'c', now())"
    )
    run = registry.dbt("test", variables=NO_BACKUP)
    assert [row["key"] for row in run["assessment_marks_chain_unchanged"].rows] == [str(mark)]
    assert [row["table_name"] for row in run["row_counts_unchanged"].rows] == ["next_of_kins"]


def test_kept_rows_have_the_types_of_the_table(baselined_registry: Registry) -> None:
    types = """
        select attname::text, format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum
    """
    for table in CORE_TABLES:
        original = baselined_registry.rows(types, [table])
        assert baselined_registry.rows(types, [f"{AUDIT_SCHEMA}.baseline_rows_{table}"]) == original
        assert (
            baselined_registry.value(
                f"select count(*) from (table {table} except all table {AUDIT_SCHEMA}.baseline_rows_{table}) as d"
            )
            == 0
        )


AWKWARD = """
    alter table schools
        add column "Head of School" text,
        add column "select" integer,
        add column "quo""te" text,
        add column settings json,
        add column place point,
        add column opened timestamptz default '2020-03-29 01:30:00+00',
        add column open_days tstzrange default '[2020-01-01 00:00:00+00,2021-01-01 00:00:00+00)',
        add column fee numeric default 1.10,
        add column lasts interval default '1 mon 2 days 03:04:05.678901',
        add column ratio double precision default 0.1,
        add column seal bytea default '\\x00ff',
        add column tags text[] default '{a,NULL,"NULL"}',
        alter column code drop not null;
    update schools set settings = '{"b": 1, "a":  2}', place = '(0.1,0.2)', "select" = id;
    update schools set "Head of School" = E'O''Neill\\n"x"';
    update schools set code = null where id = (select min(id) from schools);
"""


@pytest.mark.thorough
def test_awkward_columns_and_another_session(registry: Registry) -> None:
    """Settings make no difference, values do.

    Columns of types without equality, with names that need quotes, a NULL that groups, and every setting that changes
    how values are written.
    """
    registry.execute(AWKWARD)
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    for setting, value in (
        ("timezone", "Pacific/Chatham"),
        ("datestyle", "German"),
        ("intervalstyle", "sql_standard"),
        ("extra_float_digits", "-10"),
        ("bytea_output", "escape"),
    ):
        registry.execute(f"alter database registry set {setting} to '{value}'")
    assert registry.value("show timezone") == "Pacific/Chatham"
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    for snapshot in ("row_counts_baseline", "aggregates_baseline"):
        closed = f"select count(*) from {AUDIT_SCHEMA}.{snapshot} where dbt_valid_to is not null"
        assert registry.value(closed) == 0, snapshot
    registry.dbt_ok(*ADD, variables=NO_BACKUP)
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    assert {result.status for result in registry.dbt_ok("test", variables=NO_BACKUP).results} == {"pass"}

    changes = {
        "Head of School": "''",
        "select": "null",
        'quo"te': "'NULL'",
        "settings": """'{"b": 1, "a": 2}'""",
        "place": "'(0.1,0.3)'",
        "opened": "'2020-03-29 01:30:00+01'",
        "open_days": "'[2020-01-01 00:00:00+00,2021-01-01 00:00:00+00]'",
        "fee": "1.4",
        "lasts": "'1 mon 2 days 03:04:05.678902'",
        "ratio": "0.1 + 1e-17 * 10",
        "seal": "'\\x00fe'",
        "tags": """'{a,"NULL",NULL}'""",
    }
    school = registry.value("select max(id) from schools")
    for column, value in changes.items():
        name = '"' + column.replace('"', '""') + '"'
        registry.execute(f"update schools set {name} = {value} where id = {school}")
    rows = registry.dbt("test", "--select", "core_rows_unchanged", variables=NO_BACKUP)["core_rows_unchanged"].rows
    assert {(row["table_name"], row["key"]) for row in rows} == {("schools", str(school))}
    assert {row["column_name"] for row in rows} == set(changes)


@pytest.mark.thorough
def test_a_backup_session_with_other_settings_is_no_difference(registry: Registry) -> None:
    """The gate compares fingerprints of two sessions; a column that is hashed as text must not depend on theirs."""
    registry.execute(
        "alter table schools add column place point default '(0.30000000000000004,0.2)',"
        " add column fee money default 1234.5, add column period json default '{}';"
        "alter table schools add column spans tstzrange[] default array['[2020-01-01 00:00:00+00,)'::tstzrange]"
    )
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    registry.execute("alter database registry set extra_float_digits to '-10'")
    registry.execute("alter database registry set timezone to 'Asia/Kathmandu'")
    registry.dbt_ok(*ADD, variables=NO_BACKUP)


@pytest.mark.thorough
def test_a_backslash_means_the_same_in_every_session(registry: Registry) -> None:
    registry.execute("alter database registry set standard_conforming_strings to off")
    registry.execute("update student_modules set marks = '12/5' where id = (select min(id) from student_modules)")
    registry.execute("update student_modules set marks = ' 12.5 ' where id = (select max(id) from student_modules)")
    numbers = registry.value(r"select count(*) from student_modules where marks ~ E'^\\s*[0-9]+(\\.[0-9]+)?\\s*$'")
    variables = {**NO_BACKUP, "ledger_schemas": ["drizzle", "it\\'s"]}
    registry.dbt_ok("snapshot", variables=variables)
    not_numeric = (
        f"select aggregate_value from {AUDIT_SCHEMA}.aggregates_baseline where aggregate_key = 'marks_not_numeric'"
    )
    total = registry.value("select count(marks) from student_modules")
    assert registry.value(not_numeric) == total - numbers
    registry.dbt_ok(*ADD, variables=variables)
    registry.dbt_ok("test", variables=variables)


@pytest.mark.thorough
def test_names_of_objects_are_compared_whatever_the_search_path_is(registry: Registry, tmp_path: Path) -> None:
    """A regclass is written as the search path finds it: the backup's session has none, the application needs its own."""
    registry.execute(
        "alter table schools add column kept_in regclass default 'programs';"
        "create table archives (tables regclass[], quoted regtype); insert into archives values ('{terms}', '\"char\"');"
        'create domain "Odd" as text; insert into archives values (null, \'"Odd"\')'
    )
    registry.execute(
        """
        create function find_schools() returns event_trigger language plpgsql as $$
        begin
            perform 'schools'::regclass;
        end $$;
        create event trigger find_schools on ddl_command_end when tag in ('ALTER TABLE') execute function find_schools();
        """,
        user=SUPERUSER,
    )
    registry.execute("alter database registry set quote_all_identifiers to on", user=SUPERUSER)
    registry.dbt_ok("snapshot")
    take_backup(connection_of(registry.server), directory=tmp_path)
    registry.dbt_ok("snapshot")
    registry.dbt_ok(*ADD)
    registry.dbt_ok("test", "--select", "other_tables_unchanged")
    registry.dbt_ok("run-operation", "drop_cms_id")
    # without a backup it is the baseline that is compared
    registry.dbt_ok("snapshot")
    registry.dbt_ok(*ADD, variables=NO_BACKUP)
    registry.dbt_ok("test", "--select", "other_tables_unchanged", variables=NO_BACKUP)


def test_a_view_in_a_tables_place_is_refused(registry: Registry) -> None:
    registry.execute(
        "alter table next_of_kins rename to next_of_kin_rows; create view next_of_kins as table next_of_kin_rows"
    )
    run = registry.dbt("snapshot", variables=NO_BACKUP)
    assert run.code == 1
    assert 'there is no ordinary table "public"."next_of_kins"' in run.output
    assert registry.rows("select to_regclass(%s)::text", [f"{AUDIT_SCHEMA}.row_counts_baseline"]) == [(None,)]
    assert run.of_status("skipped") == {"aggregates_baseline", "catalogue_baseline", "other_tables_baseline"}


def test_a_snapshot_that_fails_keeps_the_baseline_it_has(baselined_registry: Registry) -> None:
    registry = baselined_registry
    before = kept(registry)
    registry.execute("update schools set name = 'changed'")
    registry.execute("alter table student_semesters owner to postgres", user=SUPERUSER)  # the last of the twelve
    run = registry.dbt("snapshot", variables=NO_BACKUP)
    assert run.code == 1
    assert "permission denied for table student_semesters" in run.output
    assert kept(registry) == before


def test_a_core_table_that_joins_later_does_not_change_what_a_report_counts(migrated_registry: Registry) -> None:
    registry = migrated_registry

    def links() -> int | None:
        with registry.connect() as session:
            return read_facts(session, AUDIT_SCHEMA, [], "integer").chains["module_prerequisites_chain"].rows_before

    before = links()
    registry.execute("delete from module_prerequisites where id = (select min(id) from module_prerequisites)")
    registry.dbt_ok("snapshot", "--select", "row_counts_baseline")
    registry.execute(
        f"insert into {AUDIT_SCHEMA}.migrations (migration_id, table_name, schema_name, relation_name, mode, state,"
        " constraint_name, cut_over_at) values (2, 'terms', 'public', 'terms', 'window', 'done', 'c', now())"
    )
    assert links() == before


@pytest.mark.thorough
def test_a_default_isolation_hides_no_migration_that_is_waited_for(registry: Registry) -> None:
    registry.execute("alter database registry set default_transaction_isolation = 'serializable'")
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    # one view migrates, and all the others, which wait for it, see that
    registry.dbt_ok("run", variables=NO_BACKUP)
