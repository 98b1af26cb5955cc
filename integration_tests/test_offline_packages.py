"""The offline packages give the verdicts that the published ones give.

Every case names what it expects, and is run with each implementation; the published one is taken from the folder that
CMSID_PUBLISHED_PACKAGES names (checkouts of dbt_expectations and dbt_date, as for `setup --packages-from`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from driver import packages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driver.embedded_server import EmbeddedServer

DATABASE = "expectations"
PUBLISHED = os.environ.get("CMSID_PUBLISHED_PACKAGES", "")

TABLES = """
    create table things (
        id integer, same integer, "Mixed" text, "mixed" text, "desc" text, "it's" boolean,
        day date, ratio numeric(5, 2), label varchar(10)
    );
"""


class Case(NamedTuple):
    """A use of an expectation: whether it passes, and if not, with how many rows (None: as an error)."""

    expectation: str
    arguments: Mapping[str, Any]
    failures: int | None
    table: str = "things"


def _exists(column: str, failures: int, **arguments: Any) -> Case:
    return Case("expect_column_to_exist", {"column_name": column, **arguments}, failures)


def _type(column: str, kind: str, failures: int | None, table: str = "things") -> Case:
    return Case("expect_column_values_to_be_of_type", {"column_name": column, "column_type": kind}, failures, table)


CASES = [
    _exists("id", 0),
    _exists("ID", 0),
    _exists("mixed", 0),
    _exists("cms_id", 1),
    _exists("it", 1),
    _exists("MIXED", 0, transform="lower"),
    _exists("Mixed", 0, transform="string"),
    _exists("MIXED", 1, transform="string"),
    _exists("Mixed", 1, transform="capitalize"),
    _exists("id", 0, column_index=1),
    _exists("id", 1, column_index=2),
    _exists("same", 0, column_index=2),
    _exists("same", 0, column_index=0),
    _exists("id", 0, column_index=-3),
    _exists("same", 1, column_index=-3),
    _exists("cms_id", 1, column_index=1),
    Case("expect_column_to_exist", {"column_name": "id"}, 1, "missing"),
    _type("id", "integer", 0),
    _type("ID", "INTEGER", 0),
    _type("id", "bigint", 1),
    _type("mixed", "text", 0),
    _type("mixed", "integer", 2),
    _type("day", "date", 0),
    _type("day", "timestamp without time zone", 1),
    _type("label", "character varying", 0),
    _type("ratio", "numeric", 0),
    _type("desc", "text", 0),
    _type("cms_id", "integer", 0),
    _type("id", "integer", None, "missing"),
]


@pytest.fixture(params=["offline", "published"])
def implementation(request: pytest.FixtureRequest) -> Path:
    """A folder that holds the packages of one implementation."""
    if request.param == "offline":
        return packages.OFFLINE
    if not PUBLISHED:
        pytest.skip("CMSID_PUBLISHED_PACKAGES names no folder with checkouts of dbt_expectations and dbt_date")
    return Path(PUBLISHED)


@pytest.mark.thorough
def test_verdicts(implementation: Path, server: EmbeddedServer, tmp_path: Path) -> None:
    server.drop_database(DATABASE)
    server.create_database(DATABASE)
    try:
        with server.connect(DATABASE) as connection:
            connection.execute(TABLES)
        write_project(tmp_path, implementation)
        actual = run_tests(tmp_path, server)
    finally:
        server.drop_database(DATABASE)
    expected = {f"case_{number}": case.failures for number, case in enumerate(CASES)}
    different = {
        f"{case.expectation} {dict(case.arguments)} on {case.table}": (case.failures, actual.get(name, "not run"))
        for (name, case) in zip(expected, CASES, strict=True)
        if actual.get(name, "not run") != case.failures
    }
    assert not different


def write_project(folder: Path, implementation: Path) -> None:
    """A dbt project whose only contents are the cases."""
    tables: dict[str, dict[str, Any]] = {}
    for number, case in enumerate(CASES):
        table = tables.setdefault(case.table, {"name": case.table, "data_tests": []})
        use = {"name": f"case_{number}", "arguments": dict(case.arguments)}
        table["data_tests"].append({f"dbt_expectations.{case.expectation}": use})
    project = {
        "name": "cases",
        "version": "1.0.0",
        "profile": "cases",
        "flags": {"send_anonymous_usage_stats": False},
        "vars": {"dbt_date:time_zone": "UTC"},
    }
    output = {
        "type": "postgres",
        "host": "{{ env_var('PGHOST') }}",
        "port": "{{ env_var('PGPORT') | as_number }}",
        "user": "{{ env_var('PGUSER') }}",
        "password": "{{ env_var('PGPASSWORD') }}",
        "dbname": DATABASE,
        "schema": "public",
        "threads": 4,
    }
    models = {"version": 2, "sources": [{"name": "cases", "schema": "public", "tables": list(tables.values())}]}
    (folder / "models").mkdir()
    (folder / "dbt_packages").mkdir()
    for name, path in packages.projects_in(implementation).items():
        (folder / "dbt_packages" / name).symlink_to(path)
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(project))
    (folder / "profiles.yml").write_text(yaml.safe_dump({"cases": {"target": "it", "outputs": {"it": output}}}))
    (folder / "models" / "_sources.yml").write_text(yaml.safe_dump(models))


def run_tests(folder: Path, server: EmbeddedServer) -> dict[str, int | None]:
    """Run `dbt test`: the number of failing rows of every case, None where it ended in an error."""
    options = ["--project-dir", str(folder), "--profiles-dir", str(folder)]
    command = [sys.executable, "-m", "dbt.cli.main", "test", *options]
    environment = {**os.environ, **server.environment(DATABASE)}
    run = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    results = folder / "target" / "run_results.json"
    assert results.exists(), run.stdout + run.stderr
    return {
        result["unique_id"].split(".")[2]: None if result["status"] == "error" else result["failures"]
        for result in json.loads(results.read_text())["results"]
    }
