"""The main job in window mode: what it does, does twice, refuses, and leaves behind when it is stopped half-way."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from driver import sample_registry
from support.autovacuum import autovacuum_of
from support.local_rows import CORE_TABLES, insert_local_row
from support.picture import Picture, differences, picture, picture_of, rows_of
from support.plan import DRY_RUN, Step, plan_of, script_of
from support.registry import AUDIT_SCHEMA, NO_BACKUP, OWNER, SUPERUSER, Registry, undone
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.dbt_runner import DbtRun
    from support.forker import Command

ADD = ("run-operation", "add_cms_id")


# ---- helpers


def run_within(connection: psycopg.Connection[Any], plan: list[Step]) -> None:
    """Run a plan's statements within the transaction that is open already."""
    for step in plan:
        if step.sql not in ("begin", "commit"):
            connection.execute(step.sql.encode())


def assert_refused(run: DbtRun, *words: str) -> None:
    """The command ended with 1 and said all of these words."""
    assert run.code == 1
    for each in words:
        assert each in run.output, run.output


def list_backup(
    registry: Registry, backup_id: str = "made by hand", tables: str = "select table_name from baseline"
) -> None:
    """List a backup that holds exactly the rows of the baseline, of the tables that `tables` selects from it."""
    registry.execute(
        f"""
        insert into {AUDIT_SCHEMA}.backups
            (backup_id, taken_at, location, manifest_sha256, bytes, server_version, verified_at)
        values ('{backup_id}', clock_timestamp(), '/nowhere', 'none', 1, '18', clock_timestamp());
        with baseline as (select * from {AUDIT_SCHEMA}.baseline_tables)
        insert into {AUDIT_SCHEMA}.backup_tables
        select '{backup_id}', schema_name, relation_name, column_names, row_count, fingerprint_a, fingerprint_b
        from baseline where table_name in ({tables})
        """
    )


def assert_migrated(registry: Registry) -> None:
    """Every core table has cms_id = id in every row, a unique constraint, and no other change is logged."""
    for table in CORE_TABLES:
        assert registry.rows(f"select count(*) from {table} where cms_id is distinct from id") == [(0,)], table
    states = registry.rows(f"select table_name, state, mode from {AUDIT_SCHEMA}.migrations order by 1")
    assert states == [(table, "done", "window") for table in CORE_TABLES]


def singular(run: DbtRun) -> dict[str, str]:
    """{name: status} of the project's own tests, without the packaged expectations."""
    return {
        result.name: result.status
        for result in run.results
        if result.kind == "test" and len(result.unique_id.split(".")) == 3
    }


def expected_changes(
    before: Picture, after: Picture, schema: str = "public", constraint: str = "{}_cms_id_unique"
) -> None:
    """In the application's schema: a column, a constraint and its index more for each core table, and nothing else."""
    changes = {key: values for key, values in differences(before, after).items() if key[0] != "rows"}
    wanted = set()
    for table in CORE_TABLES:
        name = constraint.format(table)
        quoted = f'"{schema}"' if not re.fullmatch("[a-z_]+", schema) else schema
        quoted_name = f'"{name}"' if not re.fullmatch("[a-z_]+", name) else name
        wanted |= {
            ("column", f"{quoted}.{table}.cms_id"),
            ("constraint", f"{quoted}.{table}.{quoted_name}"),
            ("index", f"{quoted}.{quoted_name}"),
        }
    assert set(changes) == wanted
    assert all(was is None for was, _ in changes.values())


# ---- the main job


@pytest.mark.every_major
def test_snapshot_add_and_test_do_the_job(registry: Registry) -> None:
    with registry.connect() as connection:
        assert connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (False,)
        before = picture(connection, (AUDIT_SCHEMA,))
        old = {table: rows_of(connection, "public", table) for table in CORE_TABLES}
        columns = {table: registry.columns(table) for table in CORE_TABLES}
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    registry.dbt_ok(*ADD, variables=NO_BACKUP)
    assert_migrated(registry)
    tests = registry.dbt_ok("test", variables=NO_BACKUP)
    assert {result.status for result in tests.results} == {"pass"}
    assert len(singular(tests)) >= 26
    with registry.connect() as connection:
        after = picture(connection, (AUDIT_SCHEMA,))
        for table in CORE_TABLES:
            original = ", ".join(f't."{column}"' for column in columns[table])
            assert rows_of(connection, "public", table, f"row({original})::text") == old[table]
    before.pop(("schema", AUDIT_SCHEMA), None)
    after.pop(("schema", AUDIT_SCHEMA), None)
    expected_changes(before, after)
    for table in ("students", "terms", "assessments", "assessment_marks"):
        assert after["rows", f"public.{table}"] == before["rows", f"public.{table}"]


@pytest.mark.thorough
@pytest.mark.every_major
def test_build_alone_does_the_job(registry: Registry) -> None:
    """By a role, too, whose transactions are read-only unless they say otherwise."""
    read_only = (f"alter role {OWNER} {words}" for words in ("set default_transaction_read_only = on", "reset all"))
    with undone(registry, *read_only):
        run = registry.dbt_ok("build", variables=NO_BACKUP)
    assert {result.status for result in run.results} <= {"pass", "success"}
    assert_migrated(registry)
    assert registry.rows(f"select distinct origin from {AUDIT_SCHEMA}.origin_summary") == [("cms",)]


@pytest.mark.every_major
def test_tests_before_the_migration_fail_in_words(baselined_registry: Registry) -> None:
    run = baselined_registry.dbt("test", "--select", "test_type:singular", variables=NO_BACKUP)
    statuses = singular(run)
    assert "error" not in statuses.values()
    looking = {"cms_id_columns_exist", "cms_id_constraints_exist", "cms_id_equals_id", "cms_ids_unique", "cms_id_kept"}
    assert {name for name, status in statuses.items() if status == "fail"} == {*looking, "catalogue_unchanged"}
    objects = run["catalogue_unchanged"].rows
    assert len(objects) == 3 * len(CORE_TABLES)  # column, constraint and index of each
    assert all(row["key"] and row["expected"] and row["actual"] for row in objects)
    for name in looking:
        rows = run[name].rows
        assert sorted(row["table_name"] for row in rows) == sorted(CORE_TABLES)
        assert {row["column_name"] for row in rows} == {"cms_id"}
        assert all("missing" in row["actual"] and row["expected"] for row in rows)


@pytest.mark.thorough
def test_tests_without_a_baseline_say_how_to_take_one(registry: Registry) -> None:
    run = registry.dbt("test", variables=NO_BACKUP)
    statuses = singular(run)
    assert "error" not in statuses.values()
    passing = {name for name, status in statuses.items() if status == "pass" and "point_to" not in name}
    assert passing == {"foreign_keys_hold", "sequences_ahead"}  # these ask of today, whatever was before
    unchanged = {name for name, status in statuses.items() if status == "fail" and name.endswith("unchanged")}
    assert len(unchanged) >= 9
    for name in unchanged:
        assert all("run dbt snapshot" in row["actual"] for row in run[name].rows), name


# ---- again


@pytest.mark.thorough
def test_what_names_all_columns_of_a_core_table_is_what_it_was(registry: Registry) -> None:
    """The server writes the further column into the text of what is stored."""
    registry.execute(
        """
        create view renamed as select a, c from schools as s (a, b, c, d, e);
        create materialized view kept as select j.x, j.y from (schools s join programs p on p.school_id = s.id) as j (x, y);
        create function first_name() returns text begin atomic select c from schools as s (a, b, c, d, e) limit 1; end;
        create view not_one as select id from schools where id not in (select nullif(1, NULL)) or greatest(id, 1, NULL) = 1;
        create function one() returns integer language sql as 'select coalesce(1, NULL)';
        create table paid (cms_id integer, school_id integer);
        create table asked (cms_id integer);
        create view joined as
        select schools.code, s.name from schools join schools s using (id) join paid on school_id = id join asked using (cms_id);
        create table labels (id integer, label text default (row(0, 'a', 'b', true, null::timestamp)::schools).name)
        """
    )
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    registry.dbt_ok(*ADD, variables={**NO_BACKUP, "allow_row_type_use": True})
    assert registry.dbt("test", "--select", "catalogue_unchanged").success
    registry.dbt_ok("run-operation", "drop_cms_id", variables=NO_BACKUP)
    registry.dbt_ok(*ADD, variables={**NO_BACKUP, "allow_row_type_use": True})
    registry.execute("create or replace view renamed as select a, b as c from schools as s (a, b, c, d, e)")
    assert len(registry.dbt("test", "--select", "catalogue_unchanged")["catalogue_unchanged"].rows) == 1
    registry.execute("create or replace function one() returns integer language sql as 'select coalesce(1)'")
    assert len(registry.dbt("test", "--select", "catalogue_unchanged")["catalogue_unchanged"].rows) == 2
    registry.execute(
        "create or replace view not_one as"
        " select id from schools where id not in (select nullif(1, NULL)) or greatest(id, 1) = 1"
    )
    assert len(registry.dbt("test", "--select", "catalogue_unchanged")["catalogue_unchanged"].rows) == 3


@pytest.mark.thorough
def test_a_second_run_changes_nothing(migrated_registry: Registry) -> None:
    registry = migrated_registry
    for table in CORE_TABLES:
        registry.execute(insert_local_row(table, registry.columns(table)))
    deleted = registry.value("select min(id) from assessment_marks")
    registry.execute("delete from assessment_marks where id = %s", [deleted])
    kin = registry.value("select min(id) from next_of_kins")
    registry.execute("delete from next_of_kins where id = %s", [kin])
    before = picture_of(registry, AUDIT_SCHEMA)
    kept = {key: value for key, value in picture_of(registry).items() if key[1].startswith(f"{AUDIT_SCHEMA}.baseline_")}
    # copies of the core tables and of the three that chains read besides, and what is recorded of both
    assert len([key for key in kept if key[0] == "rows"]) == len(CORE_TABLES) + 3 + 2

    assert "nothing to do" in registry.dbt_ok(*ADD, variables=NO_BACKUP).output
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    built = registry.dbt("build", variables=NO_BACKUP)
    assert "origin_summary" in built.of_status("success")
    assert not built.of_status("error")

    assert differences(before, picture_of(registry, AUDIT_SCHEMA)).keys() <= {("schema", AUDIT_SCHEMA)}
    after = picture_of(registry)
    assert {key: after[key] for key in kept} == kept
    for table in CORE_TABLES:
        assert registry.rows(f"select count(*) from {table} where cms_id is null") == [(1,)], table
    assert registry.value(f"select sum(row_count) from {AUDIT_SCHEMA}.origin_summary where origin = 'local'") == 12

    names = ("core_rows_unchanged", "ids_unchanged", "assessment_marks_chain_unchanged", "row_counts_unchanged")
    run = registry.dbt("test", "--select", *names, variables=NO_BACKUP)
    missing = [row for row in run["core_rows_unchanged"].rows if row["actual"] == "the row is missing"]
    assert [(row["table_name"], row["key"]) for row in missing] == [("next_of_kins", str(kin))]
    assert ("next_of_kins", str(kin)) in {(row["table_name"], row["key"]) for row in run["ids_unchanged"].rows}
    lost = [row for row in run["assessment_marks_chain_unchanged"].rows if row["actual"] == "the row is missing"]
    assert [row["key"] for row in lost] == [str(deleted)]
    counts = {row["table_name"]: row for row in run["row_counts_unchanged"].rows}
    assert "next_of_kins" not in counts  # one row more, one less
    assert {row["actual"] for row in counts.values()} == {str(int(row["expected"]) + 1) for row in counts.values()}


@pytest.mark.every_major
def test_a_row_inserted_after_the_cut_over_has_no_cms_id(migrated_registry: Registry) -> None:
    registry = migrated_registry
    for table in CORE_TABLES:
        registry.execute(insert_local_row(table, registry.columns(table)))
        assert registry.rows(f"select cms_id from {table} order by id desc limit 1") == [(None,)], table
    # any number of local rows, and the CMS's next one
    registry.execute(insert_local_row("next_of_kins", registry.columns("next_of_kins")))
    registry.execute("update next_of_kins set cms_id = 4711 where id = (select max(id) from next_of_kins)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        registry.execute("update next_of_kins set cms_id = 4711 where cms_id is null")


# ---- the dry run


@pytest.mark.every_major
def test_the_printed_script_does_the_same_migration(baselined_registry: Registry) -> None:
    registry = baselined_registry
    before = picture_of(registry)
    printed = registry.dbt_ok(*DRY_RUN, variables=NO_BACKUP).output
    assert differences(before, picture_of(registry)) == {}

    script = script_of(printed)
    assert printed.startswith(script)  # a script, and nothing else in front
    psql = registry.psql(script, "--set", "ON_ERROR_STOP=1")
    assert psql.returncode == 0, psql.stderr
    assert "note_locks" not in psql.stdout
    assert_migrated(registry)
    expected_changes(
        {key: value for key, value in before.items() if not key[1].startswith(f"{AUDIT_SCHEMA}.")},
        picture_of(registry, AUDIT_SCHEMA),
    )
    registry.dbt_ok("test", "--select", "catalogue_unchanged", "core_rows_unchanged", variables=NO_BACKUP)


def test_the_printed_script_has_the_gate_in_it(baselined_registry: Registry) -> None:
    registry = baselined_registry
    script = script_of(registry.dbt_ok(*DRY_RUN, variables=NO_BACKUP).output)
    registry.execute("update schools set name = name || '.' where id = (select min(id) from schools)")
    before = picture_of(registry)
    # without ON_ERROR_STOP: whoever runs it carelessly is not hurt either
    assert "rows were changed before the migration: schools" in registry.psql(script).stderr
    assert differences(before, picture_of(registry)) == {}


def test_the_real_run_sends_what_the_dry_run_prints(baselined_registry: Registry) -> None:
    registry = baselined_registry
    planned = [step.sql for step in plan_of(registry)]
    registry.execute(f"alter role {OWNER} set log_statement = 'all'", user=SUPERUSER)
    try:
        begins = registry.server.log.stat().st_size
        registry.dbt_ok(*ADD, variables=NO_BACKUP)
        with registry.server.log.open(encoding="utf-8") as log:
            log.seek(begins)
            written = log.read()
    finally:
        registry.execute(f"alter role {OWNER} reset log_statement", user=SUPERUSER)
    entries = re.findall(r"LOG:  statement: (.*\n(?:\t.*\n)*)", written)
    sent = [re.sub(r"^/\*.*?\*/\s*", "", entry.replace("\n\t", "\n").strip(), flags=re.DOTALL) for entry in entries]
    # dbt sends our settings in front of each statement; in a session that has them they do nothing
    sent = [text for text in sent if not text.startswith("set local transaction_read_only")]
    first = sent.index("begin")
    assert [_flat(text) for text in sent[first : first + len(planned)]] == [_flat(text) for text in planned]


def _flat(text: str) -> str:
    """A statement as it counts: neither its closing semicolon nor the blanks at line ends matter."""
    return "\n".join(line.rstrip() for line in text.rstrip("; \n").splitlines())


# ---- refusals


def test_refusals_before_anything_is_touched(registry: Registry) -> None:
    before = picture_of(registry)
    run = registry.dbt(*ADD, variables=NO_BACKUP)
    assert_refused(run, "there is no baseline", "run dbt snapshot")
    run = registry.dbt("run", "--select", "schools_origin", variables=NO_BACKUP)
    assert_refused(run, "there is no baseline")
    for arguments in ("{dryrun: true}", "{force: true}", "{tables: [schools]}"):
        run = registry.dbt(*ADD, "--args", arguments, variables=NO_BACKUP)
        assert run.code != 0, arguments
    assert {key for key in differences(before, picture_of(registry)) if AUDIT_SCHEMA not in key[1]} == set()


def test_a_backup_of_exactly_these_rows_is_required(baselined_registry: Registry) -> None:
    registry = baselined_registry
    before = picture_of(registry)
    run = registry.dbt(*ADD)
    assert_refused(run, "no backup is listed")
    run = registry.dbt("build")
    assert_refused(run, "no backup is listed")
    assert "cms_id" not in registry.columns("schools")

    list_backup(registry, "without fingerprints", tables="select ''")
    run = registry.dbt(*ADD)
    assert_refused(run, "none in backup without fingerprints")
    list_backup(registry, "of one table", tables="select 'schools'")
    run = registry.dbt(*ADD)
    assert_refused(run, "programs: ")
    assert "schools: " not in run.output
    list_backup(registry, "of older rows")
    registry.execute(f"update {AUDIT_SCHEMA}.backup_tables set fingerprint_a = 0.5 where relation_name = 'modules'")
    run = registry.dbt(*ADD)
    assert_refused(run, "with other content", "modules: ")
    assert {key for key in differences(before, picture_of(registry)) if AUDIT_SCHEMA not in key[1]} == set()

    list_backup(registry, "whole")
    registry.dbt_ok(*ADD)
    assert registry.rows(f"select distinct backup_id from {AUDIT_SCHEMA}.migrations") == [("whole",)]


@pytest.mark.thorough
def test_a_complete_cms_id_of_another_tool_is_left_and_judged(baselined_registry: Registry) -> None:
    registry = baselined_registry
    for table in CORE_TABLES:
        registry.execute(
            f"alter table {table} add column cms_id integer, add constraint {table}_cms_id_unique unique (cms_id);"
            f"update {table} set cms_id = id"
        )
    registry.execute("update schools set cms_id = null where id = (select min(id) from schools)")
    before = picture_of(registry)
    assert "was made by another tool" in registry.dbt_ok(*ADD, variables=NO_BACKUP).output
    assert differences(before, picture_of(registry)) == {}
    run = registry.dbt("test", variables=NO_BACKUP)
    assert {name for name, status in singular(run).items() if status != "pass"} == {"cms_id_equals_id", "cms_id_kept"}


@pytest.mark.thorough
def test_names_that_need_quotes(empty_registry: Registry) -> None:
    registry = empty_registry
    schema = "Registry of 2026"
    with registry.connect() as connection:
        sample_registry.load(connection, 0.001, schema=schema)
    variables = {**NO_BACKUP, "registry_schema": schema, "cms_id_constraint": "{table}_cmsId_unique"}
    registry.dbt_ok("snapshot", variables=variables)
    before = picture_of(registry, AUDIT_SCHEMA)
    registry.dbt_ok(*ADD, variables=variables)
    run = registry.dbt_ok("test", variables=variables)
    assert {result.status for result in run.results} == {"pass"}
    changed = {key for key in differences(before, picture_of(registry, AUDIT_SCHEMA)) if key[0] == "constraint"}
    assert changed == {("constraint", f'"{schema}".{table}."{table}_cmsId_unique"') for table in CORE_TABLES}


def test_long_names_in_any_script_stay_apart(registry: Registry) -> None:
    """The server cuts a name at 63 bytes, and two tables would share one copy of their rows."""
    names = ["baseline_rows_μαθήματα_και_βαθμολογίες_" + last for last in ("Γ", "Δ")]
    relations = " ".join(f"{{{{ audit_relation('{name}') }}}}" for name in (*names, "ΓΔ"))
    printed = registry.dbt_ok("--quiet", "compile", "--inline", relations, variables=NO_BACKUP).output
    made = re.findall(rf'"{AUDIT_SCHEMA}"\."([^"]+)"', printed)
    assert len(set(made)) == 3
    assert made[2] == "ΓΔ"
    assert all(len(name.encode()) <= 63 for name in made)


# ---- the gate


@pytest.mark.parametrize(
    "change", ["update", *(pytest.param(change, marks=pytest.mark.thorough) for change in ("insert", "delete"))]
)
def test_the_gate_sees_a_change_in_any_table(baselined_registry: Registry, change: str) -> None:
    registry = baselined_registry
    plan = plan_of(registry)
    for table in CORE_TABLES:
        statement = {
            "update": f"update {table} set created_at = coalesce(created_at, now()) + interval '1 microsecond'"
            f" where id = (select max(id) from {table})",
            "insert": insert_local_row(table, registry.columns(table)),
            "delete": f"delete from {table} where id = (select max(id) from {table})",
        }[change]
        with registry.connect(SUPERUSER) as connection, connection.transaction(force_rollback=True):
            connection.execute("set session_replication_role to replica")  # one row, and none by cascade
            assert connection.execute(statement.encode()).rowcount == 1
            connection.execute("reset session_replication_role")
            with pytest.raises(psycopg.errors.RaiseException) as refused:
                run_within(connection, plan)
        message = refused.value.diag.message_primary or ""
        assert message.startswith(f"rows were changed before the migration: {table}: "), message
        assert ";" not in message  # that table, and no other


@pytest.mark.thorough
@pytest.mark.parametrize("command", [pytest.param(ADD, id="add_cms_id"), pytest.param(("run",), id="dbt run")])
def test_a_change_since_the_baseline_is_refused(baselined_registry: Registry, command: tuple[str, ...]) -> None:
    registry = baselined_registry
    registry.execute("update student_modules set marks = marks || ' ' where id = (select max(id) from student_modules)")
    before = picture_of(registry)
    run = registry.dbt(*command, variables=NO_BACKUP)
    assert_refused(run, "rows were changed before the migration: student_modules", "with other content", "as it was")
    assert differences(before, picture_of(registry)) == {}
    if command == ("run",):  # said once: the views behind the first one are not tried
        assert len(run.of_status("error")) == 1
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    registry.dbt_ok(*command, variables=NO_BACKUP)
    assert_migrated(registry)


EVENT_TRIGGER = """
create function meddle() returns event_trigger language plpgsql as $$
begin
    if {condition} then
        {action};
    end if;
end
$$;
create event trigger meddle on ddl_command_end when tag in ('ALTER TABLE') execute function meddle();
"""


MEDDLING = [
    (
        "update public.schools set name = name || '!' where id = (select min(id) from public.schools)",
        "rows were changed by the migration: schools",
    ),
    ("delete from public.next_of_kins", "rows were changed by the migration: next_of_kins"),
    ("update public.modules set cms_id = -id", 'gate check "population" failed: modules cms_id of '),
    (
        "alter table public.programs drop constraint programs_cms_id_unique",
        'gate check "constraint" failed: programs cms_id: expected UNIQUE',
    ),
    (
        "alter table public.programs alter column cms_id set not null",
        'gate check "column" failed: programs cms_id: expected integer, nullable, found integer, NOT NULL',
    ),
    ("raise exception 'no more of this'", "no more of this"),
]


def meddle(connection: psycopg.Connection[Any], action: str) -> None:
    """Have something of the database's own do this in the last of the twelve tables."""
    condition = (
        "current_setting('meddle.done', true) is distinct from 'yes'"
        " and exists (select 1 from pg_constraint where conname = 'student_semesters_cms_id_unique')"
    )
    action = f"perform set_config('meddle.done', 'yes', true); {action}"
    connection.execute(EVENT_TRIGGER.format(condition=condition, action=action).encode())
    connection.execute("alter function meddle() security definer")


def test_whatever_happens_on_the_way_stops_the_plan(baselined_registry: Registry) -> None:
    plan = plan_of(baselined_registry)
    for action, message in MEDDLING:
        with baselined_registry.connect(SUPERUSER) as connection, connection.transaction(force_rollback=True):
            meddle(connection, action)
            connection.execute(f"set local role {OWNER}".encode())
            with pytest.raises(psycopg.errors.RaiseException) as refused:
                run_within(connection, plan)
        assert message in str(refused.value)


@pytest.mark.parametrize(
    ("action", "message"), [MEDDLING[0], *(pytest.param(*each, marks=pytest.mark.thorough) for each in MEDDLING[1:])]
)
def test_whatever_happens_on_the_way_is_rolled_back(baselined_registry: Registry, action: str, message: str) -> None:
    registry = baselined_registry
    with registry.connect(SUPERUSER) as connection:
        meddle(connection, action)
    before = picture_of(registry)
    run = registry.dbt(*ADD, variables=NO_BACKUP)
    assert_refused(run, message)
    assert differences(before, picture_of(registry)) == {}
    registry.execute("drop event trigger meddle", user=SUPERUSER)
    registry.dbt_ok(*ADD, variables=NO_BACKUP)
    assert_migrated(registry)


def test_an_id_that_stands_twice_stops_the_migration(registry: Registry) -> None:
    """Refused beforehand; and where that was not asked, the rewrite fails in the ninth table and undoes eight."""
    plan = plan_of(registry)
    first = registry.value("select min(id) from student_education")
    registry.execute("alter table student_education drop constraint student_education_pkey")
    registry.execute(insert_local_row("student_education", registry.columns("student_education"), new_id=first))
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    before = picture_of(registry)
    assert_refused(registry.dbt(*ADD, variables=NO_BACKUP), "student_education.id", "Nothing was changed")
    assert differences(before, picture_of(registry)) == {}
    with registry.connect() as connection:
        connection.execute("begin")
        with pytest.raises(psycopg.errors.UniqueViolation, match="student_education_cms_id_unique"):
            run_within(connection, plan)
        connection.rollback()
    assert differences(before, picture_of(registry)) == {}


# ---- killed


@pytest.mark.parametrize("apart", [pytest.param(1, id="each", marks=pytest.mark.thorough), pytest.param(8, id="some")])
def test_the_end_of_the_session_behind_any_statement_leaves_nothing(baselined_registry: Registry, apart: int) -> None:
    """The statements of the plan, and the backend terminated behind each of them, or behind some."""
    registry = baselined_registry
    plan = plan_of(registry)
    assert len(plan) >= 39
    before = picture_of(registry)
    with registry.connect(SUPERUSER) as observer:
        for last in range(len(plan) - 2, 0, -apart):
            connection = registry.connect()
            for step in plan[:last]:
                connection.execute(step.sql.encode())
            pid = connection.info.backend_pid
            observer.execute("select pg_terminate_backend(%s, 10000)", [pid])
            with pytest.raises(psycopg.OperationalError):
                connection.execute(plan[last].sql.encode())
            connection.close()
            changed = differences(before, picture(observer))
            assert changed == {}, f"ended behind {plan[last - 1].label}"
    registry.dbt_ok(*ADD, variables=NO_BACKUP)
    assert_migrated(registry)


@dataclass
class Stopped:
    """dbt, waiting in the middle of something.

    Attributes:
        process: dbt's.
        pid: of its backend.
        holder: the session that makes it wait.
    """

    process: Command
    pid: int
    holder: psycopg.Connection[Any]

    def let_go(self) -> None:
        """Let it go on."""
        self.holder.execute("select pg_advisory_unlock_all()")


@contextmanager
def stopped_at(registry: Registry, *args: str) -> Iterator[Stopped]:
    """dbt, started, and waiting for the advisory lock that `wait_here` in the database asks for."""
    with registry.connect(SUPERUSER) as holder:
        holder.execute("select pg_advisory_lock(4242)")
        process = registry.start_dbt(*args, variables=NO_BACKUP)
        try:
            waiting = "select pid from pg_locks where locktype = 'advisory' and not granted and objid = 4242"
            until(lambda: process.ended or registry.rows(waiting, user=SUPERUSER), told=lambda: process.text)
            assert not process.ended, process.text
            yield Stopped(process, registry.value(waiting, user=SUPERUSER), holder)
        finally:
            if not process.ended:
                process.kill()


def wait_for(registry: Registry, query: str) -> None:
    """Wait until a query, asked as the superuser, has a row."""
    until(lambda: registry.rows(query, user=SUPERUSER), told=lambda: f"not seen: {query}")


# waits in the last statement but one
AT_THE_END = f"""
create function wait_here() returns trigger language plpgsql security definer as $$
begin
    if new.table_name = 'schools' then
        perform set_config('lock_timeout', '0', true), pg_advisory_lock(4242);
    end if;
    return new;
end
$$;
create trigger wait_here before update on {AUDIT_SCHEMA}.migrations for each row execute function wait_here();
"""


# ---- a window with a bound


BUDGET = {**NO_BACKUP, "window_budget": "3s"}


def locked_for(registry: Registry, since: Any) -> float:
    """Seconds from the first lock until another session has got its lock on every table."""
    with registry.connect(SUPERUSER, autocommit=False) as application:
        application.execute(f"lock table {', '.join(CORE_TABLES)} in row exclusive mode".encode())
        row = application.execute("select extract(epoch from clock_timestamp() - %s)::float", [since]).fetchone()
    assert row is not None
    return float(row[0])


@pytest.mark.every_major
@pytest.mark.parametrize(
    "at", [pytest.param(at, marks=() if at == 0 else pytest.mark.thorough) for at in (0, 0.1, 0.3, 0.5, 0.7, 0.9, 1)]
)
@pytest.mark.parametrize("slow", ["the server", "the client"])
def test_the_application_waits_no_longer_than_the_budget(baselined_registry: Registry, at: float, slow: str) -> None:
    """Whatever takes so long: the work of a statement, or a client that sends no further one."""
    registry = baselined_registry
    before = picture_of(registry)
    plan = plan_of(registry, BUDGET)
    locking = next(number for number, step in enumerate(plan) if step.label.startswith("lock "))
    chosen = locking + 1 + round(at * (len(plan) - locking - 5))
    ended = suppress(psycopg.errors.IdleInTransactionSessionTimeout)
    with ended, registry.connect(autocommit=True) as session:
        for step in plan[:chosen]:
            session.execute(step.sql.encode())
        row = session.execute("select current_setting('cms_id.locked_since')::timestamptz").fetchone()
        assert row is not None
        if slow == "the server":
            limits, _, _ = plan[chosen].sql.partition(";\n")
            with pytest.raises(psycopg.errors.QueryCanceled, match="statement timeout"):
                session.execute(f"{limits}; select pg_sleep(60)".encode())
        assert 2 < locked_for(registry, row[0]) < 4
    assert differences(before, picture_of(registry)) == {}


def test_what_would_use_up_the_budget_is_not_committed(baselined_registry: Registry) -> None:
    registry = baselined_registry
    plan = plan_of(registry, BUDGET)
    with registry.connect(autocommit=True) as session:
        for step in plan[:-3]:
            session.execute(step.sql.encode())
        session.execute("select set_config('cms_id.locked_since', (clock_timestamp() - interval '2.8s')::text, true)")
        with pytest.raises(psycopg.errors.QueryCanceled, match=r"less than a tenth of window_budget \(3s\) is left"):
            session.execute(plan[-3].sql.encode())
    registry.dbt_ok(*ADD, variables={**NO_BACKUP, "window_budget": "10min"})
    assert_migrated(registry)
    registry.dbt_ok("run-operation", "drop_cms_id", variables={**NO_BACKUP, "window_budget": "10min"})


# ---- what the database is set to


@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["window", "online"])
def test_settings_of_the_database_change_neither_the_migration_nor_its_check(registry: Registry, mode: str) -> None:
    with registry.connect(SUPERUSER) as connection:
        connection.execute("set allow_in_place_tablespaces = on")
        connection.execute(f"create tablespace fast owner {OWNER} location ''".encode())
    registry.execute("alter database registry set default_tablespace = fast", user=SUPERUSER)
    registry.execute("alter database registry set quote_all_identifiers = on", user=SUPERUSER)
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    elsewhere = "select count(*) from pg_class where reltablespace <> 0 and relname like '%%_cms_id_unique'"
    registry.dbt_ok(*ADD, "--args", f"{{mode: {mode}}}", variables=NO_BACKUP)
    assert registry.value(elsewhere) == 0
    registry.dbt_ok("test", "--select", "catalogue_unchanged", variables=NO_BACKUP)
    registry.dbt_ok("run-operation", "drop_cms_id", variables=NO_BACKUP)
    registry.server.drop_database(registry.dbname)
    with registry.server.connect() as connection:
        connection.execute("drop tablespace fast")


@pytest.mark.thorough
def test_a_limit_on_transactions_ends_neither_baseline_nor_migration_nor_undo(baselined_registry: Registry) -> None:
    registry = baselined_registry
    if registry.server.major < 17:
        pytest.skip("there is no transaction_timeout")
    registry.execute("alter database registry set transaction_timeout = '2s'", user=SUPERUSER)
    for command, mode in (
        (("snapshot",), "access exclusive"),
        (ADD, "access share"),
        (("run-operation", "drop_cms_id", "--args", "{force: true}"), "access share"),
    ):
        with registry.connect(autocommit=False) as holder:
            holder.execute("set transaction_timeout = 0")
            holder.execute(f"lock table schools in {mode} mode".encode())
            with registry.dbt_beside(*command, variables=NO_BACKUP) as finished:
                wait_for(registry, "select 1 from pg_locks where not granted and relation = 'schools'::regclass")
                time.sleep(3)
                holder.rollback()
        assert finished[0].success, finished[0].output


# ---- others at work


def test_a_lock_that_stays_is_named(baselined_registry: Registry) -> None:
    registry = baselined_registry
    variables = {**NO_BACKUP, "lock_timeout": "50ms", "lock_attempts": 3}
    registry.execute(
        "do $$ begin if to_regrole('cashier') is null then create role cashier login password 'cashier'; end if; end $$",
        user=SUPERUSER,
    )
    registry.execute("grant select on semester_modules to cashier", user=SUPERUSER)
    registry.server.passwords.setdefault("cashier", "cashier")
    before = picture_of(registry)
    with registry.connect(autocommit=False) as colleague:  # the preflight reads; it must not wait for ever either
        colleague.execute("lock table structures in access exclusive mode")
        named = f"session {colleague.info.backend_pid} of {OWNER} "
        assert_refused(registry.dbt(*ADD, variables=variables), named, "AccessExclusiveLock on structures")
    with registry.connect("cashier", autocommit=False, application_name="counter 7") as cashier:
        cashier.execute("select count(*) from semester_modules")
        for command in (ADD, ("run",)):
            run = registry.dbt(*command, variables=variables)
            assert run.code == 1
            assert "could not be locked in 3 attempts of 50ms each" in run.output
            assert (
                f"session {cashier.info.backend_pid} of cashier (counter 7, idle in transaction, since " in run.output
            )
            assert "holds AccessShareLock on semester_modules" in run.output
            assert len(run.of_status("error")) == 1
            assert differences(before, picture_of(registry)) == {}
    # with the usual patience: 50 ms are soon over where autovacuum looks at a table
    registry.dbt_ok(*ADD, variables=NO_BACKUP)
    assert_migrated(registry)


@pytest.mark.thorough
def test_a_lock_that_goes_in_time_does_not_matter(baselined_registry: Registry) -> None:
    registry = baselined_registry
    reader = registry.connect(autocommit=False)
    reader.execute("select count(*) from structures")
    variables = {**NO_BACKUP, "lock_timeout": "300ms", "lock_attempts": 20}
    with registry.dbt_beside(*ADD, variables=variables) as finished:
        wait_for(registry, "select 1 from pg_locks where not granted and relation = 'structures'::regclass")
        time.sleep(0.7)
        reader.close()
    assert finished[0].success, finished[0].output
    assert_migrated(registry)


@pytest.mark.every_major
def test_an_autovacuum_gives_way(baselined_registry: Registry) -> None:
    """The server ends one for whoever waits longer than deadlock_timeout, which no attempt for the table itself does."""
    registry = baselined_registry
    with autovacuum_of(registry, "student_modules"):
        registry.dbt_ok(*ADD, variables=NO_BACKUP)
    assert_migrated(registry)


def test_an_autovacuum_against_wraparound_is_named(baselined_registry: Registry) -> None:
    registry = baselined_registry
    variables = {**NO_BACKUP, "lock_timeout": "50ms", "lock_attempts": 3}
    with autovacuum_of(registry, "student_modules", against_wraparound=True):
        run = registry.dbt(*ADD, variables=variables)
    assert_refused(
        run,
        "autovacuum worker ",
        "holds ShareUpdateExclusiveLock on student_modules",
        "An autovacuum gives way by itself, unless it prevents wraparound",
    )
    assert "cms_id" not in registry.columns("student_modules")


def test_what_follows_the_locks_may_wait_as_long_as_was_said(baselined_registry: Registry) -> None:
    plan = plan_of(baselined_registry)
    locked = next(number for number, step in enumerate(plan) if step.label.startswith("lock "))
    with baselined_registry.connect(autocommit=False) as connection:
        run_within(connection, plan[: locked + 1])
        assert connection.execute("show lock_timeout").fetchone() == ("900ms",)


def test_of_two_runners_the_second_is_told(baselined_registry: Registry) -> None:
    registry = baselined_registry
    registry.execute(AT_THE_END, user=SUPERUSER)
    with stopped_at(registry, *ADD) as first:
        run = registry.dbt(*ADD, variables=NO_BACKUP)
        assert run.code == 1
        assert f"another run is migrating or taking the baseline: session {first.pid} of {OWNER}" in run.output
        first.let_go()
        assert first.process.wait() == 0, first.process.text
    assert_migrated(registry)


@pytest.mark.thorough
def test_two_builds_at_once_migrate_once(baselined_registry: Registry) -> None:
    registry = baselined_registry
    command = ("build", "--exclude-resource-type", "test")
    builds = [registry.start_dbt(*command, variables=NO_BACKUP) for _ in range(2)]
    assert 0 in {build.wait() for build in builds}, [build.text for build in builds]
    assert_migrated(registry)
    assert registry.rows(f"select count(distinct migration_id) from {AUDIT_SCHEMA}.migrations") == [(1,)]
    assert {result.status for result in registry.dbt_ok("test", variables=NO_BACKUP).results} == {"pass"}


@pytest.mark.thorough
def test_a_baseline_waits_for_a_migration(baselined_registry: Registry) -> None:
    """Begun before the cut-over and read behind it, it must not become what the tests compare with."""
    registry = baselined_registry
    registry.execute(AT_THE_END, user=SUPERUSER)
    with stopped_at(registry, *ADD) as migration, registry.dbt_beside("snapshot", variables=NO_BACKUP) as snapshots:
        # the lock is polled for, so nobody is seen to wait for it
        polling = "wait_event = 'PgSleep' and query like '%pg_try_advisory_xact_lock%'"
        wait_for(registry, f"select 1 from pg_stat_activity where {polling}")
        migration.let_go()
        assert migration.process.wait() == 0, migration.process.text
        registry.execute(insert_local_row("next_of_kins", registry.columns("next_of_kins"), new_id=4711))
    assert snapshots[0].success
    assert registry.rows(f"select count(*) from {AUDIT_SCHEMA}.baseline_rows_next_of_kins where id = 4711") == [(0,)]
    expected = {"row_counts_unchanged", "ids_unchanged", "core_rows_unchanged"}
    run = registry.dbt("test", "--select", *expected, variables=NO_BACKUP)
    assert run.failed_names == expected


@pytest.mark.every_major
def test_the_log_tells_who_when_and_how_many(migrated_registry: Registry) -> None:
    rows = migrated_registry.dicts(
        f"select *, cut_over_at between now() - interval '1 hour' and now() as recent from {AUDIT_SCHEMA}.migrations"
    )
    assert {row["table_name"]: row["rows_filled"] for row in rows} == {
        table: migrated_registry.counts[table] for table in CORE_TABLES
    }
    assert all(row["rows_at_cut_over"] == row["rows_filled"] and row["recent"] for row in rows)
    assert {row["started_by"] for row in rows} == {OWNER}
    assert len({row["cut_over_at"] for row in rows}) == 1
    assert {row["constraint_name"] for row in rows} == {f"{table}_cms_id_unique" for table in CORE_TABLES}


@pytest.mark.thorough
def test_another_constraint_on_the_column_does_not_hide_ours(migrated_registry: Registry) -> None:
    registry = migrated_registry
    registry.execute('alter table schools add constraint "schools_cmsId_unique" unique (cms_id) deferrable')
    registry.dbt_ok("test", "--select", "cms_id_constraints_exist", variables=NO_BACKUP)
    registry.execute("alter table schools drop constraint schools_cms_id_unique")
    found = registry.dbt("test", "--select", "cms_id_constraints_exist", variables=NO_BACKUP)
    assert [row["table_name"] for row in found["cms_id_constraints_exist"].rows] == ["schools"]
