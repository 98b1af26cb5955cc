"""One command does the whole procedure, stops at the first doubt, and says truly what the database holds."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from driver import profile
from driver.backup import store
from driver.dbt_step import DbtStep
from driver.report.files import newest
from driver.status import status
from driver.wording import duration
from support.backups import cmsid, databases
from support.registry import AUDIT_SCHEMA, NO_BACKUP, OWNER, SUPERUSER, undone
from support.runs import Runner, stopped_behind
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.registry import Registry

STAGES = ["prepare", "doctor", "backup", "baseline", "migrate", "origins", "validate"]


@pytest.fixture
def runner(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """Runs on a fresh registry, with backups and reports in folders of their own."""
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path / "backups"))
    yield Runner(registry, tmp_path / "reports", monkeypatch)
    for name in databases(registry.server, "registry"):
        registry.server.drop_database(name)


def corrupt(registry: Registry) -> None:
    """What a careless hand may do between migration and validation."""
    registry.execute("update schools set cms_id = null where id = (select min(id) from schools)")
    registry.execute("update next_of_kins set name = 'Somebody Else' where id = (select min(id) from next_of_kins)")


def test_a_run_does_all_of_it_and_a_second_one_only_validates(runner: Runner) -> None:
    first = runner.go()
    assert first.code == 0, first.text
    assert first.result
    assert first.result.verdict == "passed"
    assert first.result.lines_passed == 13
    assert [(stage.key, stage.status) for stage in first.result.stages] == [(key, "done") for key in STAGES]
    rows = sum(table.rows_before or 0 for table in first.result.tables)
    assert f"{rows:,} of {rows:,} rows equal, 0 NULL, 0 different" in first.text
    assert first.result.backup
    assert first.result.backup.verified_at
    assert max(map(len, first.text.splitlines()[:-1])) <= 80
    details = {stage.key: stage.detail for stage in first.result.stages}
    number = details["prepare"].split()[-2]
    assert details["validate"] == f"{number} of {number} tests passed"
    assert first.result.expected and first.result.taken
    assert first.result.taken.wal_bytes > 0
    predicted, actual = (duration(figures.seconds) for figures in (first.result.expected, first.result.taken))
    assert details["migrate"].endswith(f"; {actual} where {predicted} were estimated")

    second = runner.go()
    assert second.code == 0, second.text
    assert [second.stage(key) for key in STAGES] == ["done", *["skipped"] * 5, "done"]
    assert second.result
    assert second.result.validation == "cutover"

    runner.registry.execute("insert into schools (code, name) values ('NEW', 'New')")
    later = runner.go()
    assert later.code == 0, later.text
    assert later.result
    assert later.result.validation == "ongoing"
    assert "not applicable" in {line.status for line in later.result.checklist}


def test_a_corruption_is_named_in_every_format_and_the_restore_command_works_as_printed(runner: Runner) -> None:
    registry = runner.registry
    school, kin = registry.value("select min(id) from schools"), registry.value("select min(id) from next_of_kins")
    name = registry.value("select name from next_of_kins where id = %s", [kin])
    outcome = runner.go("origins", lambda: corrupt(registry))

    assert outcome.code == 1
    assert outcome.stage("validate") == "failed"
    assert outcome.result
    # of one row a table nothing says who wrote it: look first
    assert outcome.result.next_command == "scripts/cmsid report --validate --with-values"
    assert outcome.result.backup
    command = outcome.result.backup.restore_command
    assert command in outcome.result.next_step
    # wrapped where it stands in a sentence
    printed = " ".join(outcome.text.split())
    for text in (printed, outcome.file("json"), outcome.file("html"), outcome.file("junit")):
        for part in ("All records have cms_id = id", "cms_id_equals_id", "core_rows_unchanged", "schools", command):
            assert part in text
        assert "Somebody Else" not in text
        assert name not in text
    rows = {(row.table, row.key, row.column) for test in outcome.result.failing_tests for row in test.rows}
    assert rows == {("schools", str(school), "cms_id"), ("next_of_kins", str(kin), "name")}

    restored = cmsid(
        *command.split()[1:],
        environment={**registry.environment, "DBT_PROFILES_DIR": str(registry.profiles_dir)},
        input="y\n",
    )
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert registry.value("select name from next_of_kins where id = %s", [kin]) == name
    with pytest.raises(psycopg.errors.UndefinedColumn):
        registry.value("select cms_id from schools")


@pytest.mark.thorough
def test_what_triggers_and_others_wrote_while_it_was_filled_is_reported_and_asks_for_what_holds_for_ever(
    runner: Runner,
) -> None:
    registry = runner.registry
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    registry.execute(
        "create function touch() returns trigger language plpgsql as"
        " $$ begin new.created_at := '2000-01-01'; return new; end $$;"
        " create trigger touched before update on schools for each row execute function touch();"
    )
    arguments = ("run-operation", "add_cms_id", "--args", "{mode: online}")
    registry.dbt_ok(*arguments, variables={**NO_BACKUP, "allow_update_triggers": True})
    outcome = runner.go()
    assert outcome.result
    assert outcome.result.validation == "ongoing"
    rows = registry.value("select count(*) from schools")
    sentence = f"schools: {rows} rows had other columns changed by the filling itself (triggers): created_at"
    for text in (" ".join(outcome.text.split()), outcome.file("html"), outcome.file("json")):
        assert sentence in text
        assert "other sessions since" not in text


@pytest.mark.thorough
def test_values_are_shown_if_asked_for(runner: Runner) -> None:
    outcome = runner.go("origins", lambda: corrupt(runner.registry), with_values=True)
    assert "Somebody Else" in outcome.text
    assert "Somebody Else" in outcome.file("html")


@pytest.mark.thorough
def test_a_window_that_uses_up_its_budget_is_rolled_back_and_says_what_to_do(runner: Runner) -> None:
    slow = """
        create function slow() returns event_trigger language plpgsql as $$
        begin if current_query() like '%student_modules%add constraint%' then perform pg_sleep(60); end if; end $$;
        create event trigger slow on ddl_command_start execute function slow()
    """
    done = runner.go("baseline", lambda: runner.registry.execute(slow, user=SUPERUSER), budget="8s")
    assert done.code == 1
    text = " ".join(done.text.split())
    assert "window_budget (8s) is used up, and everything was rolled back; use online mode" in text
    assert "student_modules: fill and constrain" in text
    assert "scripts/cmsid run --budget 8s" in text
    assert runner.registry.value("select count(*) from pg_attribute where attname = 'cms_id' and attnum > 0") == 0


@pytest.mark.thorough
def test_online_mode_asks_for_what_holds_for_ever_where_the_application_wrote_meanwhile(runner: Runner) -> None:
    new = "insert into schools (code, name) values ('NEW', 'New')"
    done = runner.go("migrate", lambda: runner.registry.execute(new), mode="online")
    assert done.code == 0, done.text
    assert done.result
    assert done.result.validation == "ongoing"
    assert "only what holds for ever, since rows were written after the baseline" in " ".join(done.text.split())


@pytest.mark.thorough
def test_the_backup_is_restored_if_asked_for(runner: Runner) -> None:
    outcome = runner.go("origins", lambda: corrupt(runner.registry), on_failure="restore")
    assert outcome.code == 1
    assert outcome.stage("restore") == "done"
    assert "The backup was restored" in outcome.text
    with pytest.raises(psycopg.errors.UndefinedColumn):
        runner.registry.value("select cms_id from schools")


@pytest.mark.thorough
def test_the_backup_is_restored_in_place_where_nothing_else_is_possible(runner: Runner) -> None:
    registry = runner.registry
    with undone(registry, f"alter role {OWNER} nocreatedb", f"alter role {OWNER} createdb"):
        outcome = runner.go("origins", lambda: corrupt(registry), on_failure="restore", test_restore=False)
    assert outcome.code == 1
    assert outcome.stage("restore") == "done"
    assert outcome.result
    assert outcome.result.backup
    assert outcome.result.backup.restore_command.endswith(" --in-place")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        registry.value("select cms_id from schools")


@pytest.mark.thorough
def test_only_a_difference_is_a_reason_to_restore(runner: Runner) -> None:
    """Tests that break off say nothing of the rows."""
    registry = runner.registry
    unreadable = "alter table cms_id_audit.row_counts_baseline rename column row_count to counted"
    outcome = runner.go("origins", lambda: registry.execute(unreadable), on_failure="restore")
    assert outcome.code == 1
    assert outcome.stage("validate") == "failed"
    assert outcome.result
    assert [stage.key for stage in outcome.result.stages] == STAGES
    assert registry.value("select count(cms_id) = count(*) from schools")


@pytest.mark.thorough
def test_whatever_ends_a_run_there_is_a_report_of_it(runner: Runner) -> None:
    """Ctrl-C while the backup is restored, and a fault of our own."""
    from driver.backup import restore

    for raised, verdict in ((KeyboardInterrupt(), "interrupted"), (ZeroDivisionError(), "failed")):

        def fail(*_: Any, raised: BaseException = raised, **__: Any) -> None:
            raise raised

        runner.monkeypatch.setattr(restore, "restore", fail)
        with pytest.raises(type(raised)):
            runner.go("origins", lambda: corrupt(runner.registry), on_failure="restore")
        result = newest(profile.load().describe(), runner.reports)
        assert result
        assert result.verdict == verdict
        assert "The migration is done" in result.state
        assert runner.registry.dbt_ok("run-operation", "drop_cms_id", "--args", "{force: true}").success


@pytest.mark.thorough
def test_a_failure_long_after_the_migration_is_told_and_restores_no_old_backup(runner: Runner) -> None:
    registry = runner.registry
    assert runner.go().code == 0
    registry.execute("insert into schools (code, name) values ('NEW', 'New')")
    registry.execute("update modules set cms_id = null where id = (select min(id) from modules)")
    outcome = runner.go(on_failure="restore")
    assert outcome.code == 1
    assert outcome.result
    assert outcome.result.validation == "ongoing"
    assert outcome.stage("validate") == "failed"
    assert [stage.key for stage in outcome.result.stages] == STAGES
    assert outcome.result.next_step.startswith("Mend what was found, then validate again")
    assert registry.value("select count(*) from schools where code = 'NEW'") == 1


@pytest.mark.thorough
def test_a_write_behind_the_backup_stops_the_migration_and_nothing_is_changed(runner: Runner) -> None:
    registry = runner.registry
    outcome = runner.go("baseline", lambda: registry.execute("update schools set name = name || '!'"))
    assert outcome.code == 1
    assert outcome.stage("migrate") == "failed"
    assert outcome.stage("validate") == "not reached"
    assert "Nothing was changed in the registry" in outcome.text
    assert "schools" in outcome.text
    assert "Traceback" not in outcome.text
    assert registry.rows("select 1 from information_schema.columns where column_name = 'cms_id'") == []


@pytest.mark.thorough
def test_a_report_that_cannot_be_written_does_not_change_the_verdict(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    outcome = runner.go(reports=tmp_path / "a file")
    assert outcome.code == 0
    assert "PASSED: 13 of 13" in outcome.text
    assert "The report could not be written" in outcome.text


@pytest.mark.thorough
def test_a_server_that_goes_away_is_told_and_nothing_is_claimed(runner: Runner) -> None:
    def vanish() -> None:
        runner.monkeypatch.setattr("driver.run.read_state", _gone)

    outcome = runner.go("baseline", vanish)
    assert outcome.code == 1
    assert "could not be asked" in outcome.text
    assert "scripts/cmsid status" in outcome.text


def _gone(*_: Any) -> None:
    raise psycopg.OperationalError("the server closed the connection unexpectedly")


@pytest.mark.thorough
@pytest.mark.parametrize("stages", [["doctor", "backup", "baseline", "migrate"], ["origins", "validate"]], ids="-".join)
def test_a_run_interrupted_in_one_stage_after_the_other_ends_clean_says_so_and_goes_on(
    runner: Runner, stages: list[str]
) -> None:
    registry = runner.registry
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT_"))}
    environment |= {**registry.environment, "DBT_PROFILES_DIR": str(registry.profiles_dir)}
    others = "select query from pg_stat_activity where datname = 'registry' and pid <> pg_backend_pid()"
    for stage in stages:
        code, text, _ = stopped_behind(STAGES[STAGES.index(stage) - 1], ["run"], environment, seconds=0.4)
        assert code == 130, text
        assert "INTERRUPTED" in text
        assert "Traceback" not in text
        migrated = bool(registry.rows("select 1 from information_schema.columns where column_name = 'cms_id'"))
        assert ("The migration is done" in text) == migrated
        assert ("Nothing was changed in the registry" in text) == (not migrated)
        until(lambda: not registry.rows(others), 60, lambda: f"still there: {registry.rows(others)}")

    again = runner.go()
    assert again.code == 0, again.text


@pytest.mark.thorough
def test_an_online_migration_interrupted_half_way_says_so_and_goes_on(runner: Runner) -> None:
    original = DbtStep._on_message
    interrupted: list[str] = []

    def interrupt(step: DbtStep, message: str) -> None:
        original(step, message)
        if re.search(r": [\d,]+ of [\d,]+ rows", message) and not interrupted:
            interrupted.append(message)
            os.kill(os.getpid(), signal.SIGINT)

    runner.monkeypatch.setattr(DbtStep, "_on_message", interrupt)
    with pytest.raises(KeyboardInterrupt):
        runner.go(mode="online")
    told = "\n".join(status(profile.load(), runner.reports).lines())
    assert "Migration:   half-way (online mode): " in told
    assert "Next:        Go on where it stopped (or take it back with scripts/cmsid undo):" in told
    assert "\n             scripts/cmsid run --mode online" in told

    may_look = (f"grant pg_read_all_settings to {OWNER}", f"revoke pg_read_all_settings from {OWNER}")
    with undone(runner.registry, *may_look):
        again = runner.go()
    assert again.code == 0, again.text
    assert [again.stage(key) for key in STAGES] == ["done", *["skipped"] * 3, *["done"] * 3]
    assert again.result
    assert again.result.mode == "online"
    measured = runner.registry.value(f"select limits ->> 'server_disk_free' from {AUDIT_SCHEMA}.throttle")
    assert re.fullmatch("[0-9]+ MB", measured), "the server is on this machine, so its disk can be seen"
    assert "Migration:   done: " in "\n".join(status(profile.load(), runner.reports).lines())
