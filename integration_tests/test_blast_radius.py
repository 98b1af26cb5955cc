"""What is compared to prove that nothing else changed: the catalogue, other tables, every foreign key, the sequences.

That each kind of damage turns the right test red, and that it is named, is in test_corruptions.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from driver.macro_sql import render_macro
from support.registry import AUDIT_SCHEMA, NO_BACKUP, OWNER, SUPERUSER

if TYPE_CHECKING:
    import psycopg

    from support.registry import Registry

EVERY_KIND = Path(__file__).parent / "support" / "every_kind_of_object.sql"
Objects = dict[tuple[str, str], str]

REFER_TO_STUDENTS = ("next_of_kins", "student_education", "student_programs")

# of a session; each would write some definition in another way
SETTINGS = [
    'set search_path to "Other ""schema""", public',
    "set search_path to ''; set DateStyle to 'German'; set IntervalStyle to iso_8601; set TimeZone to 'Asia/Tokyo'",
    "set extra_float_digits to -3; set bytea_output to escape; set quote_all_identifiers to on; set xmlbinary to hex",
]


def objects(connection: psycopg.Connection[Any], audit_schema: str = AUDIT_SCHEMA) -> Objects:
    """The catalogue of a database, as the baseline keeps it."""
    rows = connection.execute(render_macro("catalogue_objects", audit_schema=audit_schema).encode()).fetchall()
    found = {(kind, name): definition for kind, name, definition in rows}
    assert len(found) == len(rows), "two objects have the same name"
    assert all(found.values()), "an object has no definition"
    return found


@pytest.fixture
def every_kind(empty_registry: Registry) -> Registry:
    """A database with one of each kind of object, made by the superuser."""
    empty_registry.execute(EVERY_KIND.read_text(), user=SUPERUSER)
    return empty_registry


@pytest.mark.every_major
def test_every_kind_of_object_is_there(every_kind: Registry) -> None:
    with every_kind.connect(SUPERUSER) as connection:
        found = objects(connection)
    kinds = {kind for kind, _ in found}
    assert kinds >= {
        "access method", "aggregate", "cast", "collation", "column", "comment", "composite type", "constraint",
        "conversion", "database",
        "database setting", "default privileges", "domain", "enum", "event trigger", "extension",
        "foreign data wrapper",
        "foreign server", "foreign table", "function", "grant", "index", "language",
        "materialized view", "operator", "operator class", "operator family",
        "partitioned table", "policy", "procedure", "publication", "publication table", "range type", "rule", "schema",
        "sequence", "statistics", "table", "text search configuration", "text search dictionary", "trigger",
        "user mapping", "view",
    }  # fmt: skip
    schema = '"Other ""schema"""'
    assert found["column", f"{schema}.parent.born"] == "date, default '2020-02-03'::date"
    assert found["enum", f"{schema}.colour"] == "owner postgres, 'red' 'it''s' 'blue'"
    assert not any("a secret" in definition for definition in found.values()), "a password is kept"


@pytest.mark.every_major
def test_a_definition_does_not_depend_on_the_session_or_the_role(every_kind: Registry) -> None:
    with every_kind.connect(SUPERUSER) as connection:
        expected = objects(connection)
    for user in (SUPERUSER, OWNER):
        for settings in SETTINGS:
            with every_kind.connect(user, autocommit=False) as connection:
                connection.execute(settings.encode())
                connection.execute("set transaction read only")
                assert objects(connection) == expected, (user, settings)


@pytest.mark.every_major
def test_a_definition_holds_no_number_of_the_catalogue(every_kind: Registry) -> None:
    with every_kind.connect(SUPERUSER) as connection:
        expected = objects(connection)
    server, other = every_kind.server, "made anew"
    server.create_database(other, OWNER)
    try:
        with server.connect(other) as connection:
            connection.execute(EVERY_KIND.read_text().encode())
            assert objects(connection) == expected
    finally:
        server.drop_database(other)


@pytest.mark.every_major
def test_the_session_has_its_settings_back_after_a_gate_read_the_catalogue(every_kind: Registry) -> None:
    names = ["search_path", "DateStyle", "TimeZone", "quote_all_identifiers"]
    with every_kind.connect(SUPERUSER) as connection, connection.transaction():
        for settings in SETTINGS[:2]:
            connection.execute(settings.encode())
        before = [connection.execute(f"show {name}".encode()).fetchone() for name in names]
        assert connection.execute("show DateStyle").fetchone() != ("ISO, DMY",)
        function = define_catalogue()
        connection.execute(function.encode())
        count = connection.execute("select count(*) from pg_temp.cms_id_catalogue()").fetchone()
        assert count is not None
        assert count[0] > 100
        assert [connection.execute(f"show {name}".encode()).fetchone() for name in names] == before


def define_catalogue() -> str:
    """The temporary function of the plans, as its macro puts it together; the macro itself needs dbt's target."""
    return render_macro(
        "temporary_reader",
        reader="cms_id_catalogue",
        columns="object_kind text, object_name text, definition text",
        settings=render_macro("value_settings"),
        query=f"select * from ({render_macro('catalogue_objects', audit_schema=AUDIT_SCHEMA)}) as objects",
    )


@pytest.mark.every_major
def test_what_stands_in_the_audit_schema_is_left_out(every_kind: Registry) -> None:
    with every_kind.connect(SUPERUSER) as connection:
        before = objects(connection, "ours")
        connection.execute(
            b"create schema ours; create table ours.t (id serial primary key); comment on table ours.t is 'x';"
            b"comment on schema ours is 'x'; grant select on ours.t to public;"
            b"create view ours.v as select * from ours.t;"
            b"alter default privileges in schema ours grant select on tables to public"
        )
        assert objects(connection, "ours") == before


@pytest.mark.alone
@pytest.mark.thorough
def test_reading_the_catalogue_grows_with_its_objects_and_no_faster(empty_registry: Registry) -> None:
    def seconds(tables: int) -> float:
        """The shortest of three readings of a catalogue of so many tables."""
        empty_registry.execute(
            f"do $$ begin for n in (select count(*) + 1 from pg_tables where schemaname = 'public') .. {tables} loop"
            " execute format('create table t%s (id serial primary key, a text default %L,"
            " b integer references t%s, c date, d numeric)', n, 'x', greatest(n - 1, 1)); end loop; end $$"
        )
        catalogue = render_macro("catalogue_objects", audit_schema=AUDIT_SCHEMA)
        query = (
            "select extract(epoch from clock_timestamp() - statement_timestamp())::float"
            f" from ({catalogue}) as o having count(*) > {7 * tables}"
        )
        found = []
        with empty_registry.connect() as connection:
            for _ in range(3):
                found += connection.execute(query.encode()).fetchall()
        assert len(found) == 3
        return float(min(found)[0])

    few, many = seconds(200), seconds(800)
    # four times the objects; were each looked up among all others, it would be sixteen times
    assert many < 8 * few


# ---- foreign keys

KEYS = """
alter table schools add constraint code_and_id unique (id, code);
create table "Odd ""one"" table" ("The id" integer, "part two" text, note text,
    primary key ("The id", note),
    constraint "Odd key" foreign key ("The id", "part two") references schools (id, code));
create table full_match (id integer primary key, school integer, code text,
    foreign key (school, code) references schools (id, code) match full);
create table never_checked (school integer);
alter table never_checked add constraint late foreign key (school) references schools (id) not valid;
create table to_itself (
    id integer primary key, school integer references schools (id), above integer references to_itself
);
create table by_parts (school integer references schools (id)) partition by list (school);
create table part_of_it partition of by_parts default;
"""


def test_every_foreign_key_of_the_catalogue_is_checked(registry: Registry) -> None:
    registry.execute(KEYS)
    school, code = registry.rows("select id, code from schools order by id limit 1")[0]
    good = f"""
        insert into "Odd ""one"" table" values ({school}, '{code}', 'good'), (2147483001, null, 'NULL is no reference');
        insert into full_match values (1, {school}, '{code}'), (2, null, null);
        insert into never_checked values (null), ({school});
        insert into to_itself values (1, {school}, 1);
        insert into by_parts values ({school});
    """
    registry.execute(good)
    query = orphan_query(registry)
    assert registry.rows(query) == []
    with registry.connect(SUPERUSER) as connection:
        connection.execute("set session_replication_role to replica")
        connection.execute(
            b"""
            insert into "Odd ""one"" table" values (2147483000, 'nowhere', 'a key');
            insert into full_match values (3, 2147483000, null);
            insert into never_checked values (2147483000);
            insert into to_itself values (2, 2147483000, 77);
            insert into by_parts values (2147483000);
            """
        )
    found = {(table, column): (key, actual) for table, key, column, _, actual, _ in registry.rows(query)}
    assert found['Odd "one" table', "The id, part two"] == (
        "2147483000, a key",
        "no row of schools for (2147483000, nowhere)",
    )
    assert found["full_match", "school, code"] == ("3", "no row of schools for (2147483000, NULL)")
    assert found["never_checked", "school"][0].startswith("ctid (0,")
    assert found["to_itself", "school"] == ("2", "no row of schools for (2147483000)")
    assert found["by_parts", "school"][1] == "no row of schools for (2147483000)"
    assert len(found) == 5, "the key of a table to itself is none of a core table's"


@pytest.mark.thorough
def test_a_table_that_is_not_read_whole_has_no_unbroken_keys_and_no_chain(registry: Registry) -> None:
    registry.execute(
        f"""
        create schema finance;
        create table finance.invoices (id integer primary key, school_id integer references public.schools (id));
        alter table students owner to {SUPERUSER};
        grant select on students to {OWNER};
        alter table students enable row level security;
        """,
        user=SUPERUSER,
    )
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    registry.dbt_ok("run-operation", "add_cms_id", variables=NO_BACKUP)
    run = registry.dbt("test", "--select", "foreign_keys_hold", "path:tests/chains", variables=NO_BACKUP)
    may_not = f"role {OWNER} may not read {{}}, or not every row: grant select, or bypassrls"
    found = {(row["table_name"], row["column_name"], row["actual"]) for row in run["foreign_keys_hold"].rows}
    assert found == {
        ("finance.invoices", "school_id", may_not.format("finance.invoices")),
        *((table, "std_no", may_not.format("students")) for table in REFER_TO_STUDENTS),
    }
    for chain in ("student_school_chain", "student_modules_chain"):
        assert [(row["expected"], row["actual"]) for row in run[f"{chain}_unchanged"].rows] == [
            ("every row of public.students", may_not.format("it"))
        ]
    assert run.of_status("pass") == {"assessment_marks_chain_unchanged", "module_prerequisites_chain_unchanged"}


def orphan_query(registry: Registry) -> str:
    """What the test foreign_keys_hold runs on this registry."""
    run = registry.dbt_ok("compile", "--select", "foreign_keys_hold", variables=NO_BACKUP)
    return run["foreign_keys_hold"].compiled


def test_sequences_of_every_kind_are_looked_at(registry: Registry) -> None:
    registry.execute(
        """
        alter table modules alter column id drop default;
        drop sequence modules_id_seq;
        alter table modules alter column id add generated by default as identity;
        create sequence "shared Numbers" increment -1 maxvalue 5;
        alter table schools alter column id set default nextval('"shared Numbers"');
        create sequence cards;
        alter table programs add column card integer unique default nextval('cards');
        -- counted anew each year: no value of it is ever in another row's way
        create sequence receipts cycle;
        alter table structures add column receipt integer default nextval('receipts');
        create unique index on structures (receipt, id);
        create index on structures (receipt);
        select setval('cards', 1), setval('receipts', 1);
        """
    )
    run = registry.dbt("test", "--select", "sequences_ahead", variables=NO_BACKUP)
    last = registry.value("select max(id) from modules")
    first = registry.value("select min(id) from schools")
    rows = {row["key"]: (row["table_name"], row["expected"], row["actual"]) for row in run["sequences_ahead"].rows}
    assert rows["sequence modules_id_seq"] == ("modules", f"a next value beyond max(id) = {last}: {last + 1}", "1")
    assert first <= 5
    assert rows["sequence shared Numbers"] == (
        "schools",
        f"a next value beyond min(id) = {first}: {first - 1}",
        "5",
    )
    assert rows["sequence cards"][0] == "programs"
    assert rows.keys() == {"sequence modules_id_seq", "sequence shared Numbers", "sequence cards"}


# ---- other tables


@pytest.mark.thorough
def test_the_backup_of_the_migration_is_what_other_tables_are_compared_with(baselined_registry: Registry) -> None:
    registry = baselined_registry
    registry.execute(
        f"""
        insert into {AUDIT_SCHEMA}.backups
            (backup_id, taken_at, location, manifest_sha256, bytes, server_version, verified_at)
        values ('by hand', clock_timestamp(), '/nowhere', repeat('0', 64), 1, '18', clock_timestamp());
        insert into {AUDIT_SCHEMA}.backup_tables
        select 'by hand', schema_name, relation_name, column_names, row_count, fingerprint_a, fingerprint_b
        from {AUDIT_SCHEMA}.baseline_tables;
        """
    )
    for schema, table, columns, query in registry.rows(render_macro("fingerprint_queries")):
        if schema == "public" and table in ("terms", "students", "assessments", "assessment_marks"):
            registry.execute(
                f"insert into {AUDIT_SCHEMA}.backup_tables select 'by hand', %s, %s, %s, f.* from ({query}) as f",
                [schema, table, columns],
            )
    # between baseline and backup the baseline is the older of the two, and the backup is what counts
    registry.execute(
        f"update {AUDIT_SCHEMA}.other_tables_baseline set fingerprint_a = 0 where relation = 'public.terms'"
    )
    registry.dbt_ok("run-operation", "add_cms_id")
    assert registry.dbt("test", "--select", "other_tables_unchanged").success
    registry.execute("insert into terms (code, name) values ('late', 'late')")
    (row,) = registry.dbt("test", "--select", "other_tables_unchanged")["other_tables_unchanged"].rows
    assert row["table_name"] == "public.terms"
    assert row["expected"].endswith("(backup by hand)")


def test_without_a_baseline_nothing_passes(migrated_registry: Registry) -> None:
    migrated_registry.execute(f"drop table {AUDIT_SCHEMA}.catalogue_baseline, {AUDIT_SCHEMA}.other_tables_baseline")
    run = migrated_registry.dbt("test", "--select", "path:tests/blast_radius", variables=NO_BACKUP)
    assert run.failed_names == {"catalogue_unchanged", "other_tables_unchanged"}
    assert run["catalogue_unchanged"].rows[0]["actual"] == "there is none: run dbt snapshot"


# ---- the gate


def test_the_migration_rolls_back_when_something_else_changes_with_it(baselined_registry: Registry) -> None:
    """An event trigger of the application answers each ALTER TABLE: what it does must not slip in unseen."""
    registry = baselined_registry
    registry.execute(
        """
        create function answer() returns event_trigger language plpgsql as $$
        begin
            if to_regclass('public.answered') is null then create table public.answered (id integer); end if;
        end $$;
        create event trigger answer on ddl_command_end when tag in ('ALTER TABLE') execute function answer();
        """,
        user=SUPERUSER,
    )
    run = registry.dbt("run-operation", "add_cms_id", variables=NO_BACKUP)
    assert not run.success
    assert "public.answered: expected no such table" in run.output
    assert registry.value("select count(*) from information_schema.columns where column_name = 'cms_id'") == 0
    assert registry.value("select to_regclass('public.answered') is null")


@pytest.mark.thorough
def test_a_table_of_which_row_level_security_hides_rows_is_no_pass(registry: Registry) -> None:
    registry.execute(
        "create table notes (id integer, note text); insert into notes values (1, 'kept'); create policy none on notes"
        " using (false); alter table notes enable row level security; alter table notes force row level security"
    )
    registry.dbt_ok("snapshot")
    registry.dbt_ok("run-operation", "add_cms_id", variables=NO_BACKUP)
    registry.execute("delete from notes", user=SUPERUSER)
    run = registry.dbt("test", "--select", "other_tables_unchanged", variables=NO_BACKUP)
    assert [(row["table_name"], row["actual"]) for row in run["other_tables_unchanged"].rows] == [
        ("public.notes", f"role {OWNER} may not read it, or not every row: grant select, or bypassrls")
    ]
