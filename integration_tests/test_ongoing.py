"""The validation that stays true for years: a month of ordinary life passes it, damage does not, and it only reads."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from driver.monitoring import CRITICAL, OK, nagios
from driver.status import status
from support.local_rows import CORE_TABLES, insert_local_row
from support.registry import AUDIT_SCHEMA, NO_BACKUP, OWNER, SUPERUSER, Registry
from support.runs import Runner
from support.sample_project import connection_of

if TYPE_CHECKING:
    from support.dbt_runner import DbtRun

READER = "cms_id_reader"
ROOT = Path(__file__).resolve().parents[1]


def grants() -> str:
    """The statements that docs/ongoing-validation.md gives for the role that validates."""
    text = (ROOT / "docs" / "ongoing-validation.md").read_text()
    found = re.search(r"```sql\n(create role.*?)```", text, re.DOTALL)
    assert found is not None
    statements = found[1].replace("registry_app", OWNER).replace("database registry", "database :database")
    return statements.replace("create role cms_id_reader login;", "")


@pytest.fixture
def living(migrated_registry: Registry) -> Registry:
    """A registry with a role that may only read, a month after the cut-over."""
    registry = migrated_registry
    if not registry.rows("select 1 from pg_roles where rolname = %s", [READER]):
        registry.server.create_role(READER, attributes="nocreatedb")
    registry.execute(grants().replace(":database", f'"{registry.dbname}"'), user=SUPERUSER)
    live_for_a_month(registry)
    return registry


def live_for_a_month(registry: Registry) -> None:
    """What the application, the CMS import and the application's own migrations do."""
    for table in CORE_TABLES:
        query = (
            "select attname::text from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
            " order by attnum"
        )
        columns = [name for (name,) in registry.rows(query, [table])]
        registry.execute(insert_local_row(table, columns))
    registry.execute(
        """
        insert into modules (code, name, cms_id) values
            ('CMS1', 'imported', 2000000001), ('CMS2', 'imported', 2000000002);
        insert into schools (code, name, cms_id) values ('CMS', 'imported', 2000000001);
        insert into programs (code, name, level, school_id, cms_id)
        select 'CMS', 'imported', 'degree', max(id), 2000000001 from schools;
        update modules set name = name || ' II', remark = 'renamed' where id % 3 = 0;
        update student_modules set marks = '100', grade = 'A+' where id % 5 = 0;
        update schools set cms_id = 2000000009 where code = 'local school'; -- the CMS has come to know it
        delete from student_semesters where id = (select min(id) from student_semesters);
        delete from structures where id = (select min(id) from structures);
        delete from next_of_kins where id % 2 = 0;
        insert into terms (code, name) values ('2027-02', 'later');
        alter table students add column nickname text;
        alter table modules add column outline text default 'none';
        create index on modules (outline);
        create table rooms (id serial primary key, school_id integer references schools (id), name text);
        insert into rooms (school_id, name) select id, 'Room ' || id from schools;
        """
    )


def validate(registry: Registry, *arguments: str, ongoing: bool = False) -> DbtRun:
    """Run dbt test as the role that may only read."""
    return registry.runner.run(
        "test",
        *arguments,
        registry=registry.server.environment(registry.dbname, READER),
        query=registry.dicts,
        variables={"validation": "ongoing"} if ongoing else None,
    )


def test_a_month_later_it_passes_for_a_role_that_only_reads(living: Registry) -> None:
    for privilege in ("create", "temporary"):
        query = "select has_database_privilege(%s, current_database(), %s)"
        assert living.value(query, [READER, privilege]) is (privilege == "temporary")
    by_selector = validate(living, "--selector", "ongoing")
    assert by_selector.success, by_selector.output
    names = {result.name for result in by_selector.results}
    assert {"cms_id_kept", "cms_ids_unique", "foreign_keys_hold", "sequences_ahead", "cms_id_columns_exist"} <= names
    assert not names & {"row_counts_unchanged", "core_rows_unchanged", "catalogue_unchanged", "cms_id_equals_id"}
    by_variable = validate(living, ongoing=True)
    assert by_variable.success, by_variable.output
    assert {result.unique_id for result in by_variable.results} == {result.unique_id for result in by_selector.results}
    # the day's own validation is another question, and says so
    zero_tolerance = living.dbt("test", "--selector", "cutover", variables={"require_backup": False})
    assert {"row_counts_unchanged", "core_rows_unchanged", "catalogue_unchanged"} <= zero_tolerance.failed_names


@pytest.mark.thorough
def test_every_night_it_leaves_its_verdict_for_a_role_that_only_reads(
    living: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nightly = Runner(replace(living, user=READER), tmp_path, monkeypatch)

    def verdict() -> str:
        outcome = nightly.go(command="report", only_validate=True, validation="ongoing")
        assert outcome.result and outcome.result.validation == "ongoing", outcome.text
        return outcome.result.verdict

    assert verdict() == "passed"
    assert nagios(status(connection_of(living, READER), tmp_path))[1] == OK
    living.execute("update modules set cms_id = null where id = (select min(id) from modules)")
    assert verdict() == "failed"
    assert nagios(status(connection_of(living, READER), tmp_path))[1] == CRITICAL


@pytest.mark.thorough
def test_a_later_baseline_moves_nothing(living: Registry) -> None:
    living.dbt_ok("snapshot", variables={"require_backup": False})
    assert validate(living, "--selector", "ongoing").success
    key = living.value(f"select min(id) from {AUDIT_SCHEMA}.baseline_rows_modules")
    living.execute("update modules set cms_id = null where id = %s", [key])
    assert "cms_id_kept" in validate(living, "--selector", "ongoing").failed_names


# what is done, and the rows in which the validation must say so: test, table, key, actual
DAMAGE: dict[str, tuple[str, str, str, str]] = {
    "update schools set cms_id = null where id = {schools}": ("cms_id_kept", "schools", "{schools}", "NULL"),
    "update programs set cms_id = 2000000077 where id = {programs}": (
        "cms_id_kept", "programs", "{programs}", "2000000077",
    ),
    "update next_of_kins set id = 2000000055 where id = {next_of_kins}": (
        "cms_id_kept", "next_of_kins", "2000000055", "{next_of_kins}",
    ),
    "alter table modules drop constraint modules_cms_id_unique;"
    " update modules set cms_id = 2000000001 where code = 'CMS2'": (
        "cms_ids_unique", "modules", "{CMS1}, {CMS2}", "2 times",
    ),
    "update student_programs set structure_id = 2000000066 where id = {student_programs}": (
        "student_programs_point_to_structures", "student_programs", "{student_programs}",
        "no structures with id 2000000066",
    ),
    "update rooms set school_id = 2000000066 where id = 1": (
        "foreign_keys_hold", "rooms", "1", "no row of schools for (2000000066)",
    ),
    "update student_education set std_no = 1 where id = {student_education}": (
        "foreign_keys_hold", "student_education", "{student_education}", "no row of students for (1)",
    ),
    "alter sequence student_semesters_id_seq restart": (
        "sequences_ahead", "student_semesters", "sequence student_semesters_id_seq", "1",
    ),
    "alter table semester_modules drop constraint semester_modules_cms_id_unique": (
        "cms_id_constraints_exist", "semester_modules", "None", "no unique constraint on cms_id",
    ),
}  # fmt: skip


def test_damage_turns_it_red_and_is_named(living: Registry) -> None:
    """Each in a place of its own, so that one run shows them all."""
    keys = {
        table: living.value(
            f"select min(b.id) from {AUDIT_SCHEMA}.baseline_rows_{table} as b join {table} as t on t.id = b.id"
        )
        for table in ("schools", "programs", "next_of_kins", "student_programs", "student_education")
    }
    keys |= dict(living.rows("select code, id from modules where code in ('CMS1', 'CMS2')"))
    with living.connect(SUPERUSER) as connection:
        connection.execute("set session_replication_role to replica")  # as an import without foreign keys does
        for statement in DAMAGE:
            connection.execute(statement.format(**keys).encode())
    run = validate(living, "--selector", "ongoing")
    assert {test for test, *_ in DAMAGE.values()} <= run.failed_names
    assert not [result for result in run.results if result.status == "error"]
    for test, table, key, actual in DAMAGE.values():
        wanted = (table, key.format(**keys), actual.format(**keys))
        shown = [(row["table_name"], str(row["key"]), row["actual"]) for row in run[test].rows]
        assert wanted in shown, (test, wanted, shown)


def test_what_it_may_not_read_is_no_pass(living: Registry) -> None:
    living.execute(f"revoke select on sequence schools_id_seq from {READER}; revoke select on programs from {READER}")
    run = validate(living, "--selector", "ongoing")
    row = next(row for row in run["sequences_ahead"].rows if row["table_name"] == "schools")
    assert row["actual"] == f"role {READER} may not read public.schools_id_seq: grant select on sequence"
    assert run["cms_ids_unique"].status == "error"
    assert "permission denied for table programs" in run["cms_ids_unique"].message


@pytest.mark.thorough
def test_rows_that_a_policy_hides_are_no_pass(living: Registry) -> None:
    living.execute("alter table schools enable row level security")
    run = validate(living, "--selector", "ongoing")
    assert run["cms_id_kept"].status == "error"
    assert "row-level security" in run["cms_id_kept"].message


@pytest.mark.parametrize(
    ("command", "name", "value", "said"),
    [
        (("run-operation", "add_cms_id"), "require_backup", "false", 'var require_backup is "false", and can be true'),
        *(
            pytest.param(*case, marks=pytest.mark.thorough)
            for case in (
                (
                    ("test",),
                    "validation",
                    "cut-over",
                    'var validation is "cut-over", and can be "cutover" or "ongoing"',
                ),
                (("build",), "validation", "Cutover", 'var validation is "Cutover", and can be "cutover" or "ongoing"'),
                (("snapshot",), "mode", "Window", 'var mode is "Window", and can be "window" or "online"'),
                (("parse",), "allow_unseen_sessions", "false", 'allow_unseen_sessions is "false", and can be true or'),
                (("parse",), "window_budget", 120, "var window_budget is 120, and can be a time such as 120s or 10min"),
                (("parse",), "allow_update_triggers", 1, "var allow_update_triggers is 1, and can be true or false"),
            )
        ),
    ],
)
def test_a_var_that_is_none_of_its_words_ends_every_command(
    registry: Registry, command: tuple[str, ...], name: str, value: object, said: str
) -> None:
    run = registry.dbt(*command, variables={**NO_BACKUP, name: value})
    assert not run.success
    assert said in run.output
    assert registry.value("select to_regnamespace('cms_id_audit')") is None
