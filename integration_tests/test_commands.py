"""Commands as they are typed: what they print, in which format, and what they ask before they remove something."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from driver import dbt_project, profile
from driver.backup import store
from driver.checklist import CHECKLIST
from driver.cli import cmsid
from driver.progress import Stages
from driver.report import files
from driver.report.show import show
from driver.status import status
from quality import schemas
from support.backups import connection_of, databases
from support.registry import NO_BACKUP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.registry import Registry

    Type = Callable[..., Result]


def typed(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Commands in this process, as the registry's owner."""
    for name, value in registry.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DBT_PROFILES_DIR", str(registry.profiles_dir))
    monkeypatch.setenv("DBT_TARGET_PATH", str(registry.runner.folder / "target-of-commands"))

    def run(*words: object, answer: str = "") -> Result:
        return CliRunner().invoke(cmsid, [str(word) for word in words], input=answer, catch_exceptions=False)

    return run


def code_of_report() -> int:
    """What `cmsid report` ends with; the runner of commands does not see it."""
    return show(profile.load(), "text", None, validate=False, with_values=False)


@pytest.fixture
def on_migrated(migrated_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Commands on a registry that is migrated."""
    return typed(migrated_registry, monkeypatch)


@pytest.fixture
def on_loaded(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Commands on a registry that is not."""
    return typed(registry, monkeypatch)


@pytest.fixture
def no_reports(migrated_registry: Registry) -> Iterator[None]:
    """Remove the reports of this registry that the block leaves in the project; other tests leave some as well."""
    yield
    for path in files.folder().glob("*/report.json"):
        with contextlib.suppress(FileNotFoundError):  # those of others are removed meanwhile
            if not path.parent.is_symlink() and f":{migrated_registry.server.port}/" in path.read_text("utf-8"):
                shutil.rmtree(path.parent)


@pytest.mark.thorough
@pytest.mark.usefixtures("no_reports")
def test_a_report_is_made_once_and_shown_in_every_format(on_migrated: Type, tmp_path: Path) -> None:
    found = json.loads(on_migrated("report", "--validate", "--format", "json").stdout)
    assert found["verdict"] == "passed"
    jsonschema.validate(found, schemas.schema("report"))

    assert "PASSED: 13 of 13" in on_migrated("report").stdout
    assert json.loads(on_migrated("report", "--format", "json").stdout) == found
    assert on_migrated("report", "--format", "html").stdout.startswith("<!DOCTYPE html>")
    assert on_migrated("report", "--format", "terminal").stdout == on_migrated("report").stdout
    for kind in ("junit", "text"):
        assert on_migrated("report", "--format", kind, "--output", tmp_path / kind).stdout == ""
        assert (tmp_path / kind).stat().st_mode & 0o077 == 0
    assert ET.parse(tmp_path / "junit").getroot().get("failures") == "0"  # noqa: S314 - our own file
    text = (tmp_path / "text").read_text("utf-8")
    assert text.count(" PASS  ") == len(CHECKLIST)
    assert max(map(len, text.splitlines())) <= 80

    refused = on_migrated("report", "--validate", "--output", tmp_path / "missing" / "report")
    assert refused.exit_code == 1
    assert "The folder of the report does not exist" in refused.output


@pytest.mark.usefixtures("no_reports")
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no folder here in which nobody may make any")
def test_a_place_that_takes_no_files_is_one_sentence(
    on_migrated: Type, monkeypatch: pytest.MonkeyPatch, migrated_registry: Registry
) -> None:
    for words in (
        ("backup", "--directory", "/proc/x"),
        ("export", "--phase", "post", "--directory", "/proc/x"),
        ("export", "--phase", "post", "--directory", "/proc"),
        ("report", "--validate", "--output", "/proc/x.html"),
    ):
        refused = on_migrated(*words)
        assert refused.exit_code == 1, words
        assert re.search(r"^Error: No .* here.* \(/proc/[^)]+\): name another", refused.output, re.MULTILINE), words
    monkeypatch.setenv("CMSID_BACKUPS", "/proc/x")
    assert "Error: No folder can be made here (/proc/x)" in on_migrated("backup").output
    assert migrated_registry.value("select count(*) from cms_id_audit.backups") == 0


@pytest.mark.thorough
@pytest.mark.usefixtures("no_reports")
def test_a_report_of_an_earlier_migration_says_so(on_migrated: Type, migrated_registry: Registry) -> None:
    assert on_migrated("report", "--validate").exit_code == 0
    assert code_of_report() == 0
    assert on_migrated("report").stdout.startswith("Report of 20")
    told = on_migrated("status").stdout
    assert "PASSED: 13 of 13" in told
    assert told.endswith("every night:\n             scripts/cmsid report --validation ongoing\n")

    earlier = "That is of an earlier migration (cut-over at "
    assert on_migrated("undo", "--yes").exit_code == 0
    assert code_of_report() == 1
    shown = on_migrated("report")
    assert earlier in " ".join(shown.stdout.split())
    assert "was undone at" in " ".join(shown.stdout.split())
    assert earlier in on_migrated("report", "--format", "junit").stderr
    told = on_migrated("status").stdout
    assert earlier in told
    assert told.endswith("             scripts/cmsid doctor\n")

    migrated_registry.dbt_ok("snapshot")
    migrated_registry.dbt_ok("run-operation", "add_cms_id", variables=NO_BACKUP)
    assert code_of_report() == 1
    told = on_migrated("status").stdout
    assert earlier in told
    assert told.endswith("Next:        Validate it:\n             scripts/cmsid run\n")


@pytest.mark.thorough
@pytest.mark.usefixtures("no_reports")
def test_a_report_of_before_a_restore_says_so(on_migrated: Type, tmp_path: Path) -> None:
    folder = ("--directory", tmp_path)
    assert on_migrated("backup", *folder).exit_code == 0
    assert on_migrated("report", "--validate").exit_code == 0
    time.sleep(1)  # moments are told in whole seconds
    assert on_migrated("restore", "--yes", *folder).exit_code == 0
    assert code_of_report() == 1
    assert "That was before a backup was restored at " in on_migrated("status").stdout


@pytest.mark.thorough
@pytest.mark.usefixtures("no_reports")
def test_without_the_server_what_is_known_is_told_and_the_rest_is_an_error(
    on_migrated: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path))
    assert on_migrated("backup").exit_code == 0
    assert on_migrated("report", "--validate").exit_code == 0
    monkeypatch.setenv("PGPASSWORD", "wrong")
    told = on_migrated("status")
    assert told.exit_code == 1
    assert told.output.count("password authentication failed") == 1
    for part in ("Migration:   unknown.", "not test-restored, in ", "PASSED: 13 of 13"):
        assert part in told.stdout
    assert code_of_report() == 0
    shown = on_migrated("report")
    assert "PASSED: 13 of 13" in shown.stdout
    assert "could not be asked" in shown.stderr


def test_a_cms_id_is_seen_whatever_our_own_schema_is_called(migrated_registry: Registry, tmp_path: Path) -> None:
    lines = status(replace(connection_of(migrated_registry.server), audit_schema="public"), tmp_path).lines()
    assert "there is a cms_id that no finished migration" in lines[1]
    assert lines[-1].strip() == "scripts/cmsid doctor"


def test_an_undo_is_shown_before_it_is_done(on_migrated: Type, migrated_registry: Registry) -> None:
    shown = on_migrated("undo", "--dry-run")
    assert shown.exit_code == 0
    assert shown.stdout.count("drop column cms_id") == 12
    assert "Traceback" not in on_migrated("undo", answer="n\n").output
    assert migrated_registry.value("select count(cms_id) = count(*) from schools")


def test_what_is_to_be_removed_is_shown_and_asked(on_loaded: Type, registry: Registry, tmp_path: Path) -> None:
    folder = ("--directory", tmp_path)
    assert "no backup" in on_loaded("backups", *folder).stdout.lower()
    assert on_loaded("prune", *folder).stdout.endswith("Nothing to remove.\n")
    refused = on_loaded("prune", "--directory", tmp_path / "missing")
    assert refused.exit_code == 1
    assert f"There is no such folder of backups ({tmp_path / 'missing'})" in refused.output
    for purpose in ("the first", "the second"):
        assert on_loaded("backup", "--verify", "--purpose", purpose, *folder).exit_code == 0
    listed = on_loaded("backups", *folder).stdout
    assert listed.index("the second") < listed.index("the first")
    assert listed.count(" verified ") == 2

    asked = on_loaded("prune", "--keep", 1, *folder, answer="n\n")
    assert asked.exit_code != 0
    assert on_loaded("backups", *folder).stdout == listed
    assert "Removed: 1." in on_loaded("prune", "--keep", 1, "--yes", *folder).stdout
    assert "the first" not in on_loaded("backups", *folder).stdout

    assert "no database that a restore of this one replaced" in on_loaded("prune", "--replaced", *folder).stdout
    assert on_loaded("restore", *folder, answer="n\n").exit_code != 0
    assert on_loaded("restore", *folder, answer="y\n").exit_code == 0
    (replaced,) = databases(registry.server, "registry__replaced")
    assert replaced in on_loaded("prune", "--replaced", *folder, answer="n\n").output
    told = json.loads(on_loaded("prune", "--replaced", "--format", "json", *folder).stdout)
    jsonschema.validate(told, schemas.schema("prune"))
    assert [(one["name"], one["goes"]) for one in told["decisions"]] == [(replaced, True)]
    assert told["next_command"] == f"scripts/cmsid prune --replaced --directory {tmp_path} --yes"
    assert on_loaded("restore", "--put-back", replaced, *folder, answer="y\n").exit_code == 0
    assert "Dropped: 1." in on_loaded("prune", "--replaced", "--yes", *folder).stdout
    assert databases(registry.server, "registry__") == []


def test_for_a_machine_it_is_json_and_says_what_to_type_next(on_loaded: Type, tmp_path: Path) -> None:
    folder = ("--directory", tmp_path)

    def told(name: str, *words: object) -> Any:
        result = on_loaded(name, *words, "--format", "json")
        document = json.loads(result.stdout)
        jsonschema.validate(document, schemas.schema(name))
        return document

    ready = told("doctor", "--mode", "online")
    assert ready["ready"] is True
    assert ready["next_command"] == "scripts/cmsid run --mode online"
    assert set(ready["estimates"]) == {"window", "online"}

    assert told("backups", *folder)["next_command"] == f"scripts/cmsid backup --verify --directory {tmp_path}"
    assert told("prune", *folder) == {"decisions": [], "done": False, "next_command": None}
    for _ in range(2):
        assert on_loaded("backup", "--verify", *folder).exit_code == 0
    listed = told("backups", *folder)
    assert [bool(backup["verified_at"]) for backup in listed["backups"]] == [True, True]
    assert listed["next_command"] is None

    # it asks nothing, and removes nothing before it is said so
    planned = told("prune", "--keep", 1, *folder)
    assert planned["next_command"] == f"scripts/cmsid prune --keep 1 --directory {tmp_path} --yes"
    assert [(one["name"], one["goes"]) for one in planned["decisions"]] == [
        (backup["backup_id"], backup is listed["backups"][1]) for backup in listed["backups"]
    ]
    assert told("backups", *folder) == listed
    words = planned["next_command"].split()[2:]
    assert told("prune", *words) == {**planned, "done": True, "next_command": None}
    assert told("backups", *folder)["backups"] == listed["backups"][:1]

    refused = on_loaded("prune", "--directory", tmp_path / "missing", "--format", "json")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: There is no such folder of backups")


def test_a_backup_that_is_incomplete_or_gone_is_not_called_good(on_loaded: Type, tmp_path: Path) -> None:
    folder = ("--directory", tmp_path)
    assert on_loaded("backup", "--verify", *folder).exit_code == 0
    (backup,) = (tmp_path / "registry").glob("*-registry")
    assert f"{backup.name}  verified" in on_loaded("backups", *folder).stdout
    assert re.search(rf"Backup: +{backup.name}, .*test restore identical, \d+ s old", on_loaded("status").stdout)

    file = max((backup / "dump").iterdir(), key=lambda path: path.stat().st_size)
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    assert f"DAMAGED: The backup is incomplete: dump/{file.name} has" in on_loaded("backups", *folder).stdout
    file.unlink()
    told = f"The backup is incomplete: dump/{file.name} is missing"
    assert f"{backup.name}  DAMAGED: {told}" in on_loaded("backups", *folder).stdout
    assert f"{backup.name} is listed, but cannot be used. {told}." in on_loaded("status").stdout

    shutil.rmtree(backup)
    assert "There is no backup" in on_loaded("backups", *folder).stdout
    assert f"but cannot be used. There is no folder {backup} here." in on_loaded("status").stdout


def test_on_a_terminal_a_stage_shows_what_it_is_at() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    stages = Stages(console)
    with stages.running("backup") as progress:
        long = "a table with a name that is too long to stand on the line of a terminal"
        progress.update(30, 100, long)
        progress._progress.refresh()
        assert isinstance(console.file, io.StringIO)
        shown = re.sub(r"\x1b\S*|━+|\d+\.\d s|backup", " ", console.file.getvalue())
        assert long in " ".join(shown.split())
        progress.update(what="short")
    stages.finished("backup", "done", 1.5, "all of it, " * 12)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "short" in shown
    last = shown[shown.rindex("  done") :].splitlines()
    assert len(last) > 1
    assert max(map(len, last)) <= 80


def test_dbt_parses_anew_after_an_edit_of_a_macro(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would leave out tests that call it, without a word."""
    monkeypatch.setattr(dbt_project, "ROOT", tmp_path)
    monkeypatch.setattr(dbt_project, "project", lambda: tmp_path)
    monkeypatch.delenv("DBT_TARGET_PATH", raising=False)
    macro, parsed = tmp_path / "macros" / "checks" / "one.sql", tmp_path / "target" / "partial_parse.msgpack"
    for path in (macro, parsed):
        path.parent.mkdir(parents=True)
    macro.touch()
    assert not dbt_project._is_parsed()
    parsed.touch()
    os.utime(macro, (1, 1))
    assert dbt_project._is_parsed()
    os.utime(macro)
    os.utime(parsed, (2, 2))
    assert not dbt_project._is_parsed()
