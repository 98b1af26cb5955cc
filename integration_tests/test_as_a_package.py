"""Somebody else's project, which has this one as a package: from `dbt deps` to undo, by plain dbt and by the command."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.consumer import Consumer
from support.hub import package_hub

if TYPE_CHECKING:
    from support.registry import Registry

ROOT = Path(__file__).resolve().parents[1]
CONSUMER = ROOT / "integration_tests" / "consumer"
OFFLINE = ROOT / "offline_packages"
EXPECTATIONS = "metaplane/dbt_expectations/0.10.9"
DATE = {"package": "godatadriven/dbt_date", "version": "0.21.0"}
CAMPUS = ROOT / "integration_tests" / "support" / "campus.sql"
KEYS = {"library.loans": "id", "teaching.courses": "id", "teaching.marks": "mark_no"}
MIGRATED = {"library.loans": 500, "teaching.courses": 20, "teaching.marks": 1000}
MIGRATE = """
from dbt.cli.main import dbtRunner
for command in (["snapshot"], ["run-operation", "cms_id_tracking.add_cms_id"], ["test"]):
    assert dbtRunner().invoke(["--quiet", "--warn-error", *command]).success, command
"""


@pytest.fixture
def consumer(tmp_path: Path, empty_registry: Registry) -> Consumer:
    made = Consumer(tmp_path, empty_registry, CAMPUS.read_text())
    shutil.copytree(CONSUMER, made.folder, dirs_exist_ok=True)
    return made


def by_plain_dbt(consumer: Consumer, dbt: Path) -> None:
    """From `dbt deps` to undo."""
    packages = {EXPECTATIONS: OFFLINE / "dbt_expectations", "godatadriven/dbt_date/0.21.0": OFFLINE / "dbt_date"}
    with package_hub(consumer.folder.parent / "site", packages, {EXPECTATIONS: [DATE]}) as url:
        consumer.run(dbt, "deps", DBT_PACKAGE_HUB_URL=url)
    listed = consumer.run(dbt, "--quiet", "--warn-error", "ls", "--resource-type", "model", "source", "snapshot")
    assert sorted(re.findall(r"(?m)^\S+$", listed)) == [
        "campus.local_loans",
        "campus.marks_origin",
        "cms_id_tracking.baseline.catalogue",
        "cms_id_tracking.baseline.other_tables",
        "cms_id_tracking.baseline.row_counts",
        "cms_id_tracking.catalogue_baseline",
        "cms_id_tracking.origins.origin_summary",
        "cms_id_tracking.other_tables_baseline",
        "cms_id_tracking.row_counts_baseline",
        "source:campus.library.loans",
        "source:campus.teaching.courses",
        "source:campus.teaching.marks",
    ]
    consumer.run(dbt, "snapshot")
    consumer.run(dbt, "run-operation", "cms_id_tracking.add_cms_id")
    assert consumer.cms_ids(KEYS) == MIGRATED
    consumer.registry.execute("insert into library.loans (reader) values ('new')")
    consumer.run(dbt, "run")
    assert consumer.registry.rows("select reader from cms_id_audit.local_loans") == [("new",)]
    assert consumer.registry.rows("select * from cms_id_audit.marks_origin order by 1 limit 1") == [
        (3000000001, 3000000001, "cms")
    ]
    consumer.registry.execute("delete from library.loans where reader = 'new'")
    assert " PASS=13 " in consumer.run(dbt, "test")
    consumer.run(dbt, "run-operation", "cms_id_tracking.drop_cms_id")
    assert consumer.cms_ids(KEYS) == {}


def test_thirty_lines_suffice_to_migrate(consumer: Consumer) -> None:
    assert sum(len(file.read_text().splitlines()) for file in CONSUMER.rglob("*.*") if file.is_file()) <= 30
    consumer.install_without_hub()
    consumer.run(sys.executable, "-c", MIGRATE)  # in one process, which loads dbt once
    assert consumer.cms_ids(KEYS) == MIGRATED


@pytest.mark.thorough
def test_from_deps_to_undo_by_plain_dbt(consumer: Consumer) -> None:
    by_plain_dbt(consumer, Path(sys.executable).with_name("dbt"))


@pytest.mark.thorough
def test_from_deps_to_undo_by_the_newest_dbt(consumer: Consumer, newest_dbt: Path) -> None:
    by_plain_dbt(consumer, newest_dbt / "dbt")


@pytest.mark.thorough
@pytest.mark.parametrize("dbt", ["1.11", "1.12"])
def test_by_the_command_and_without_a_hub(consumer: Consumer, dbt: str, request: pytest.FixtureRequest) -> None:
    if dbt == "1.12":
        consumer.python = request.getfixturevalue("newest_dbt") / "python"
    project = consumer.folder / "dbt_project.yml"
    project.write_text(project.read_text().replace("  require_backup: false\n", ""))
    consumer.install_without_hub()
    assert "READY" in consumer.cmsid("doctor")
    printed = consumer.cmsid("run")
    assert "PASSED: 7 of 13 checklist lines passed, 6 do not apply here." in printed
    assert consumer.cms_ids(KEYS) == MIGRATED
    for folder in ("backup_db", "reports"):
        assert (consumer.folder / folder / ".gitignore").read_text() == "*\n"
    assert "PASSED" in consumer.cmsid("report")
    assert "3 of 3" in consumer.cmsid("status")
    consumer.cmsid("undo", "--yes")
    assert consumer.cms_ids(KEYS) == {}
