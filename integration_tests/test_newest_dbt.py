"""The project on dbt 1.12, from the pins beside the default ones: the main job, and every command of plain dbt."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.backups import SCRIPTS

if TYPE_CHECKING:
    from pathlib import Path

    from support.registry import Registry

pytestmark = pytest.mark.thorough
PARSE = ("parse", "--no-partial-parse", "--show-all-deprecations", "--warn-error")
# dbt asks its schemas what is deprecated, but not on PostgreSQL.
DBT_THAT_ASKS_ITS_SCHEMAS = """
import sys
from dbt.cli.main import cli
from dbt.jsonschemas import jsonschemas
jsonschemas._JSONSCHEMA_SUPPORTED_ADAPTERS.add("postgres")
cli(sys.argv[1:])
"""


def _environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT_", "COVERAGE"))}
    return {**kept, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "NO_COLOR": "1", **variables}


def _dbt(command: list[str | Path], *arguments: str, target: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run plain dbt: exit code, and what it printed."""
    done = subprocess.run(
        [*command, *arguments, "--target-path", target, "--log-path", target],
        cwd=SCRIPTS.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_demo_passes_by_one_variable(newest_dbt: Path, tmp_path: Path) -> None:
    assert newest_dbt.is_dir()
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "cmsid"), "demo", "--scale", "0.003"],
        env=_environment(CMSID_PINS="constraints-dbt-1.12.txt", CMSID_BACKUPS=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED: 13 of 13 checklist lines passed." in done.stdout
    (report,) = re.findall(r"Report: (\S+)", done.stdout)
    folder = (SCRIPTS.parent / report).parent
    try:
        assert '"dbt-core": "1.12.' in (folder / "report.json").read_text()
    finally:
        shutil.rmtree(folder)


def test_commands_of_plain_dbt(newest_dbt: Path, registry: Registry, tmp_path: Path) -> None:
    environment = _environment(**registry.environment, DBT_PROFILES_DIR=str(registry.profiles_dir))
    environment["DBT_PARTIAL_PARSE"] = "true"  # no macro is edited between them
    without_backup = ("--vars", "{require_backup: false}")
    expected = {
        ("build",): {"success", "pass"},
        ("test", "--selector", "cutover"): {"success", "pass"},  # success: the hook that a command begins with
        ("test", "--selector", "ongoing"): {"success", "pass"},
        ("docs", "generate"): {"success"},
        ("run-operation", "drop_cms_id"): {"success"},
    }
    for command, statuses in expected.items():
        code, output = _dbt([newest_dbt / "dbt"], *command, *without_backup, target=tmp_path, environment=environment)
        assert code == 0, output
        results = json.loads((tmp_path / "run_results.json").read_text())
        assert results["metadata"]["dbt_version"].startswith("1.12.")
        assert {result["status"] for result in results["results"]} == statuses, command
        if command == ("docs", "generate"):
            assert not json.loads((tmp_path / "catalog.json").read_text())["errors"]
        if command == ("build",):
            assert registry.value("select count(*) from schools where cms_id = id") == registry.counts["schools"]
    assert "cms_id" not in registry.columns("schools")


def test_nothing_is_deprecated(newest_dbt: Path, registry: Registry, tmp_path: Path) -> None:
    environment = _environment(**registry.environment, DBT_PROFILES_DIR=str(registry.profiles_dir))
    dbt: list[str | Path] = [newest_dbt / "python", "-c", DBT_THAT_ASKS_ITS_SCHEMAS]
    code, output = _dbt(dbt, *PARSE, target=tmp_path / "target", environment=environment)
    assert code == 0, output

    # and what is deprecated would be found
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: old\nversion: 1.0.0\nprofile: cms_id_tracking\n")
    (tmp_path / "models" / "old.sql").write_text("select 1 as id")
    (tmp_path / "models" / "old.yml").write_text("models: [{name: old, meta: {of: old}}]")
    old = ("--project-dir", str(tmp_path))
    code, output = _dbt(dbt, *PARSE, *old, target=tmp_path / "target", environment=environment)
    assert code != 0
    assert "PropertyMovedToConfigDeprecation" in output
