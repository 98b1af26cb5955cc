"""Undo: what it takes away, what it keeps, what it refuses; and that cms_id can be added again afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from driver.dbt_project import DbtProject
from support.local_rows import CORE_TABLES, insert_local_row
from support.picture import differences, picture_of
from support.plan import script_of, steps_of
from support.registry import AUDIT_SCHEMA, NO_BACKUP, SUPERUSER

if TYPE_CHECKING:
    from pathlib import Path

    from support.dbt_runner import DbtRun
    from support.registry import Registry

COLUMNS = "select count(*) from information_schema.columns where table_schema = 'public' and column_name = 'cms_id'"


def drop(registry: Registry, **arguments: bool) -> DbtRun:
    """Run drop_cms_id, whatever comes of it."""
    words = ", ".join(f"{name}: {str(value).lower()}" for name, value in arguments.items())
    return registry.dbt("run-operation", "drop_cms_id", "--args", f"{{{words}}}", variables=NO_BACKUP)


def insert_into_each(registry: Registry, tables: tuple[str, ...] = CORE_TABLES) -> None:
    """A local row in each table, at the end of those there are."""
    for table in tables:
        registry.execute(insert_local_row(table, registry.columns(table)))


@pytest.mark.every_major
def test_an_undo_leaves_the_database_as_it_was_before(baselined_registry: Registry) -> None:
    registry = baselined_registry
    before = picture_of(registry, AUDIT_SCHEMA)
    registry.dbt_ok("run-operation", "add_cms_id", variables=NO_BACKUP)
    registry.dbt_ok("run", variables=NO_BACKUP)
    assert registry.value(f"select count(*) from {AUDIT_SCHEMA}.origin_summary") == len(CORE_TABLES)
    run = drop(registry)
    assert run.success, run.output
    assert differences(before, picture_of(registry, AUDIT_SCHEMA)) == {}
    assert registry.value(COLUMNS) == 0
    assert registry.rows(f"select distinct state, undone_at is not null from {AUDIT_SCHEMA}.migrations") == [
        ("undone", True)
    ]
    assert registry.value(f"select detail from {AUDIT_SCHEMA}.events where event = 'undone'").startswith("12 tables")
    again = drop(registry)
    assert again.success
    assert "nothing to do" in again.output


@pytest.mark.thorough
def test_add_undo_and_add_again_with_rows_written_in_between(migrated_registry: Registry) -> None:
    registry = migrated_registry
    total = {table: registry.value(f"select count(*) from {table}") for table in CORE_TABLES}
    insert_into_each(registry)
    refused = drop(registry)
    assert not refused.success
    assert "schools: rows created locally (cms_id NULL): 1, id" in refused.output
    assert "force: true" in refused.output
    assert registry.value(COLUMNS) == len(CORE_TABLES)

    assert drop(registry, force=True).success
    for table in CORE_TABLES:
        assert registry.value(f"select count(*) from {table}") == total[table] + 1, table
    run = registry.dbt("test", "--select", "path:tests", variables=NO_BACKUP)
    assert {"cms_id_columns_exist", "cms_id_constraints_exist", "cms_id_equals_id"} <= run.failed_names
    assert not [result for result in run.results if result.status == "error"]

    # without a new baseline nothing is added: rows were written since
    stale = registry.dbt("run-operation", "add_cms_id", variables=NO_BACKUP)
    assert not stale.success
    assert registry.value(COLUMNS) == 0

    registry.execute("delete from schools where code = 'local school'")
    registry.execute("delete from module_prerequisites where id = (select max(id) from module_prerequisites)")
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    registry.dbt_ok("run-operation", "add_cms_id", variables=NO_BACKUP)
    registry.dbt_ok("test", variables=NO_BACKUP)
    for table in CORE_TABLES:
        assert registry.value(f"select count(*) from {table} where cms_id is distinct from id") == 0, table
    assert registry.value(f"select count(distinct migration_id) from {AUDIT_SCHEMA}.migrations") == 2

    # rows of the second migration's time are local in turn, and a second undo knows it
    insert_into_each(registry, ("schools",))
    assert "schools: rows created locally (cms_id NULL): 1" in drop(registry).output
    registry.execute("delete from schools where cms_id is null")
    assert drop(registry).success


def test_a_cms_id_of_its_own_is_not_forgotten(migrated_registry: Registry) -> None:
    migrated_registry.execute("insert into modules (code, name, cms_id) values ('NEW', 'imported', 99999)")
    run = drop(migrated_registry)
    assert not run.success
    assert "modules: rows with a CMS id of their own: 1, id" in run.output
    assert migrated_registry.value("select count(*) from modules where cms_id = 99999") == 1


def test_a_column_that_no_migration_leaves_is_named_and_kept(registry: Registry) -> None:
    registry.execute("alter table schools add column cms_id text")
    before = picture_of(registry)
    for force in (False, True):
        run = drop(registry, force=force)
        assert not run.success
        assert "no migration leaves such a column: schools.cms_id is text. Nothing was changed: remove it" in run.output
    planned = drop(registry, dry_run=True)
    assert "integer or bigint" in planned.output
    assert differences(before, picture_of(registry)) == {}


def test_what_others_built_on_the_column_is_named_and_kept(migrated_registry: Registry) -> None:
    registry = migrated_registry
    registry.dbt_ok("run", variables=NO_BACKUP)
    registry.execute(
        f"""
        create view imported as select id from schools where cms_id is not null;
        create view on_ours as select * from {AUDIT_SCHEMA}.schools_origin;
        create view {AUDIT_SCHEMA}.theirs as select cms_id from modules;
        create index programs_by_cms on programs (cms_id, code);
        alter table structures add constraint positive check (cms_id > 0);
        create table copies (cms_id integer references modules (cms_id));
        alter table programs add column twice integer generated always as (cms_id * 2) stored;
        """
    )
    before = picture_of(registry, AUDIT_SCHEMA)
    run = drop(registry, force=True)
    assert not run.success
    for name in (
        "view public.imported (schools)",
        "view public.on_ours (schools)",
        f"view {AUDIT_SCHEMA}.theirs (modules)",
        "index programs_by_cms (programs)",
        "constraint positive on table structures (structures)",
        "constraint copies_cms_id_fkey on table copies (modules)",
        "column twice of table programs",
    ):
        assert name in run.output, run.output
    assert "origin_summary" not in run.output
    assert differences(before, picture_of(registry, AUDIT_SCHEMA)) == {}


def test_a_comment_and_a_grant_on_the_column_go_with_it(migrated_registry: Registry) -> None:
    migrated_registry.execute(
        "comment on column schools.cms_id is 'the id in the CMS'; grant select (cms_id) on schools to public;"
        " comment on constraint schools_cms_id_unique on schools is 'x'; alter table modules alter cms_id set default 7"
    )
    run = drop(migrated_registry)
    assert run.success, run.output


@pytest.mark.thorough
def test_a_comment_on_a_column_whose_name_begins_alike_stays(registry: Registry) -> None:
    """An undo is refused only where it takes along what it should not; and a comment lost is one."""
    registry.execute(
        "alter table schools add column cms_identifier text; comment on column schools.cms_identifier is 'in words'"
    )
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    registry.dbt_ok("run-operation", "add_cms_id", variables=NO_BACKUP)
    registry.execute(
        """
        create function forget() returns event_trigger language plpgsql as $$
        begin
            comment on column public.schools.cms_identifier is null;
        end $$;
        create event trigger forget on sql_drop when tag in ('ALTER TABLE') execute function forget();
        """,
        user=SUPERUSER,
    )
    refused = drop(registry)
    assert 'gate check "catalogue" failed' in refused.output, refused.output
    registry.execute("drop event trigger forget", user=SUPERUSER)
    undone = drop(registry)
    assert undone.success, undone.output
    assert registry.value(COLUMNS) == 0


def test_a_dry_run_prints_what_any_client_can_run(migrated_registry: Registry) -> None:
    registry = migrated_registry
    before = picture_of(registry, AUDIT_SCHEMA)
    printed = registry.dbt_ok(
        "--quiet", "run-operation", "drop_cms_id", "--args", "{dry_run: true}", variables=NO_BACKUP
    ).output
    assert differences(before, picture_of(registry, AUDIT_SCHEMA)) == {}
    steps = steps_of(script_of(printed))
    assert [steps[0].sql, steps[-2].sql] == ["begin", "commit"]
    with registry.connect() as connection:
        connection.execute(script_of(printed).encode())
    assert registry.value(COLUMNS) == 0
    assert registry.rows(f"select distinct state from {AUDIT_SCHEMA}.migrations") == [("undone",)]


def test_the_gate_holds_against_what_an_undo_sets_off(migrated_registry: Registry) -> None:
    """A trigger of the application answers the undo; nothing of it stays, and neither is the column gone."""
    registry = migrated_registry
    registry.execute(
        """
        create function answer() returns event_trigger language plpgsql as $$
        begin
            update public.schools set name = name || '!' where id = (select min(id) from public.schools);
        end $$;
        create event trigger answer on sql_drop when tag in ('ALTER TABLE') execute function answer();
        """,
        user=SUPERUSER,
    )
    before = picture_of(registry, AUDIT_SCHEMA)
    run = drop(registry)
    assert not run.success
    assert 'gate check "rows" failed' in run.output
    assert differences(before, picture_of(registry, AUDIT_SCHEMA)) == {}


def test_the_command_undoes(migrated_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    from driver.commands.migrate import undo

    registry = migrated_registry
    for name, value in {**registry.environment, "DBT_PROFILES_DIR": str(registry.profiles_dir)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(DbtProject, "variables", NO_BACKUP, raising=False)
    runner = CliRunner()
    declined = runner.invoke(undo, [], input="n\n")
    assert declined.exit_code == 1
    assert registry.value(COLUMNS) == len(CORE_TABLES)
    registry.execute("insert into modules (code, name) values ('L', 'local')")
    refused = runner.invoke(undo, ["--yes"])
    assert refused.exit_code == 1
    assert "scripts/cmsid undo --force" in refused.output
    assert "Traceback" not in refused.output
    done = runner.invoke(undo, ["--yes", "--force"])
    assert done.exit_code == 0, done.output
    assert "Undone" in done.output
    assert registry.value(COLUMNS) == 0
    assert "nothing to do" in runner.invoke(undo, ["--yes"]).output


@pytest.mark.thorough
@pytest.mark.parametrize("every", [False, True], ids=["one table", "every table"])
def test_a_column_dropped_by_hand_is_not_filled_again_until_the_migration_is_given_up(
    migrated_registry: Registry, *, every: bool
) -> None:
    registry = migrated_registry
    registry.execute("insert into schools (code, name) values ('L', 'local')")
    dropped = CORE_TABLES if every else ("schools",)
    for table in dropped:
        registry.execute(f"alter table {table} drop column cms_id")
    for mode in ("online", "window"):
        refused = registry.dbt("run-operation", "add_cms_id", "--args", f"{{mode: {mode}}}", variables=NO_BACKUP)
        assert not refused.success
        assert "was dropped since its migration" in refused.output
        assert registry.value(COLUMNS) == len(CORE_TABLES) - len(dropped)

    undone = drop(registry)
    assert undone.success, undone.output
    assert registry.value(COLUMNS) == 0
    assert set(registry.rows(f"select state from {AUDIT_SCHEMA}.migrations")) == {("undone",)}
    registry.dbt_ok("snapshot")
    registry.dbt_ok("run-operation", "add_cms_id", variables=NO_BACKUP)
    assert registry.value(COLUMNS) == len(CORE_TABLES)


def test_the_command_works_on_the_same_database_wherever_it_is_called_from(
    migrated_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from driver import profile
    from driver.commands.migrate import undo

    registry = migrated_registry
    for name, value in registry.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DBT_PROFILES_DIR", raising=False)
    monkeypatch.setattr(profile, "project", lambda: registry.profiles_dir)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(undo, ["--yes"])
    assert done.exit_code == 0, done.output
    assert registry.value(COLUMNS) == 0

    monkeypatch.setenv("PGPORT", "1")
    refused = CliRunner().invoke(undo, ["--yes"])
    assert refused.exit_code == 1
    assert "Connection refused" in refused.output
    assert "start the server, or correct host and port in the dbt profile" in refused.output


def test_a_cms_id_that_no_migration_in_the_log_made_goes_by_force_only(migrated_registry: Registry) -> None:
    registry = migrated_registry
    registry.execute(f"delete from {AUDIT_SCHEMA}.migrations where table_name = 'schools'", user=SUPERUSER)
    run = drop(registry)
    assert not run.success
    assert "no migration in the log made cms_id of schools: whose is it?" in " ".join(run.output.split())
    assert registry.value(COLUMNS) == len(CORE_TABLES)
    # The printed plan holds the same, for whoever runs it by another client.
    steps = steps_of(script_of(drop(registry, dry_run=True).output))
    assert [step.label for step in steps if "a migration that is logged" in step.sql]
    assert drop(registry, force=True).success
    assert registry.value(COLUMNS) == 0
