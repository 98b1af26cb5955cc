"""The guide docs/adding-a-core-table.md, followed word by word: its code blocks are applied to a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.dbt_runner import Dbt
from support.registry import NO_BACKUP, Registry

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "docs" / "adding-a-core-table.md"
PARTS = [
    "scripts",
    "offline_packages",
    "profiles.example.yml",
    "dbt_project.yml",
    "packages.yml",
    "package-lock.yml",
    "models",
    "macros",
    "tests",
    "snapshots",
    "dbt_packages",
    "selectors.yml",
]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory, dbt_runner: Dbt) -> Dbt:
    """dbt on a copy of the project to which the guide's blocks have been applied."""
    project = tmp_path_factory.mktemp("project")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            # Other processes compile what they import meanwhile, by way of files that are soon gone.
            shutil.copytree(source, project / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, project / part)
    blocks = re.findall(
        r'^```\w+ title="(append to|create) (\S+)"\n(.*?)^```$', GUIDE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert [path for _, path, _ in blocks] == [
        "models/registry/_sources.yml",
        "models/origins/departments_origin.sql",
        "models/origins/_origins.yml",
    ]
    for how, path, text in blocks:
        before = (project / path).read_text() if how == "append to" else ""
        (project / path).write_text(before + text)
    return Dbt(tmp_path_factory.mktemp("dbt"), project, dbt_runner.forker)


def _with_departments(registry: Registry, runner: Dbt) -> Registry:
    """The registry with the new table, and run by the changed project."""
    registry.execute("create table departments (id serial primary key, name text not null)")
    registry.execute("insert into departments (name) select 'Department ' || n from generate_series(1, 7) as n")
    return Registry(registry.server, registry.dbname, runner, registry.counts)


@pytest.mark.thorough
def test_a_fresh_registry_migrates_all_thirteen(registry: Registry, followed: Dbt) -> None:
    """Baseline, migration and every test take the new table in."""
    thirteen = _with_departments(registry, followed)
    build = thirteen.dbt_ok("build", variables=NO_BACKUP)
    assert {"departments_origin", "origin_summary"} <= build.of_status("success")
    assert thirteen.rows("select id, cms_id from departments where id is distinct from cms_id") == []
    thirteen.execute("update departments set cms_id = null where id = 3")
    tests = thirteen.dbt("test", "--select", "cms_id_equals_id", variables=NO_BACKUP)
    assert [(row["table_name"], row["key"]) for row in tests["cms_id_equals_id"].rows] == [("departments", "3")]


@pytest.mark.thorough
def test_a_migrated_registry_takes_the_new_table_alone(migrated_registry: Registry, followed: Dbt) -> None:
    """The tables that were migrated before are left alone, local rows included."""
    thirteen = _with_departments(migrated_registry, followed)
    thirteen.execute("insert into schools (code, name) values ('LOCAL', 'A school of our own')")
    thirteen.dbt_ok("snapshot")
    run = thirteen.dbt_ok("run-operation", "add_cms_id", variables=NO_BACKUP)
    assert "departments: fill and constrain" in run.output
    assert "schools: " not in run.output
    assert thirteen.value("select count(*) from departments where cms_id = id") == 7
    assert thirteen.value("select cms_id from schools where code = 'LOCAL'") is None


@pytest.mark.thorough
def test_the_whole_run_takes_the_new_table_in(migrated_registry: Registry, followed: Dbt) -> None:
    """It backs up, baselines and migrates again, and validates what holds where rows are local already."""
    thirteen = _with_departments(migrated_registry, followed)
    thirteen.execute("insert into schools (code, name) values ('LOCAL', 'A school of our own')")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT_"))}
    profile = {"DBT_PROFILES_DIR": str(thirteen.profiles_dir), "PYTHONPATH": str(followed.project / "scripts")}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from driver.cli import main; sys.exit(main(['run']))"],
        env={**kept, **thirteen.environment, **profile, "CMSID_NO_VENV": "1"},
        cwd=followed.project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "13 of 13 tables done" in done.stdout
    assert thirteen.value("select count(*) from departments where cms_id = id") == 7
    assert thirteen.value("select cms_id from schools where code = 'LOCAL'") is None
