"""docs/another-registry.md, followed word by word in a copy of the project: the example goes from demo to restore."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "docs" / "another-registry.md"
LEFT_OUT = shutil.ignore_patterns(
    ".git",
    ".venv*",
    ".cache",
    ".coverage*",
    ".hypothesis",
    "target",
    "logs",
    "profiles.yml",
    "backup_db",
    "reports",
    "__pycache__",
    "node_modules",
    ".*_cache",
)
SCHEMA = '"Cours & Élèves"'
IDS = {'"Étudiant ""inscrit"""': '"Matrikel Nr"', '"order"': '"ID"', '"Note.finale"': '"user"'}
ROWS = {'"Étudiant ""inscrit"""': 200, '"order"': 1000, '"Note.finale"': 3000}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project to which the guide has been applied."""
    project = tmp_path_factory.mktemp("another") / "project"
    shutil.copytree(ROOT, project, ignore=LEFT_OUT)
    text = GUIDE.read_text("utf-8")
    blocks = re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)
    assert [title for title, _ in blocks] == ["run", "run", "vars in dbt_project.yml"]
    for title, block in blocks:
        if title == "run":
            subprocess.run(block, shell=True, cwd=project, check=True)  # noqa: S602 - the guide's own commands
            continue
        file = project / "dbt_project.yml"
        content = file.read_text("utf-8")
        for line in block.splitlines():
            name = line.split(":")[0].strip()
            content, count = re.subn(rf"^  {name}: .*$", line, content, flags=re.MULTILINE)
            assert count == 1, f"{name} is no var of dbt_project.yml"
        file.write_text(content, "utf-8")
    return project


def cmsid(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the copy's command, without making a virtual environment for it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT_"))}
    return subprocess.run(
        [sys.executable, "-c", "import sys; from driver.cli import main; sys.exit(main())", *arguments],
        cwd=project,
        env={**kept, "PYTHONPATH": str(project / "scripts"), "NO_COLOR": "1", "COLUMNS": "120", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


@pytest.fixture(scope="module")
def demonstrated(copy: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """What `demo --keep` printed, and the variables that lead to its server."""
    run = cmsid(copy, "demo", "--keep")
    variables = dict(re.findall(r"export (PG\w+)=(\S+)", run.stdout))
    stop = re.search(r"^\s+(kill .*)$", run.stdout, re.MULTILINE)
    try:
        assert run.returncode == 0, run.stdout + run.stderr
        yield run.stdout, variables
    finally:
        if stop:
            subprocess.run(["/bin/sh", "-c", stop[1]], check=True)


def cms_ids(connection: psycopg.Connection) -> dict[str, tuple[int, int]]:
    """Table -> rows, and rows whose cms_id is their id; without the column, -1."""
    found = {}
    for table, key in IDS.items():
        has = connection.execute(
            "select count(*) from pg_attribute where attrelid = %s::regclass and attname = 'cms_id' and not attisdropped",
            [f"{SCHEMA}.{table}"],
        ).fetchone() == (1,)
        equal = f"count(*) filter (where cms_id = {key})" if has else "-1"
        found[table] = connection.execute(f"select count(*), {equal} from {SCHEMA}.{table}".encode()).fetchone()
    return found  # type: ignore[return-value]


@pytest.mark.thorough
def test_the_example_goes_from_demo_to_restore(copy: Path, demonstrated: tuple[str, dict[str, str]]) -> None:
    printed, variables = demonstrated
    assert "PASSED: 7 of 13 checklist lines passed" in printed
    assert printed.count("is about tables of the procedure's own registry") == 6
    where = {**variables, "DBT_PROFILES_DIR": str(copy)}
    shutil.copy(copy / "profiles.example.yml", copy / "profiles.yml")

    def connect() -> psycopg.Connection:
        return psycopg.connect(
            host=variables["PGHOST"],
            port=variables["PGPORT"],
            user=variables["PGUSER"],
            dbname=variables["PGDATABASE"],
            passfile=variables["PGPASSFILE"],
            autocommit=True,
        )

    with connect() as connection:
        assert cms_ids(connection) == {table: (rows, rows) for table, rows in ROWS.items()}
        types = connection.execute(
            "select distinct format_type(atttypid, atttypmod) from pg_attribute"
            " where attname = 'cms_id' and attrelid = any(%s::regclass[])",
            [[f"{SCHEMA}.{table}" for table in IDS]],
        ).fetchall()
        assert types == [("bigint",)]
        origins = connection.execute("select table_name, origin, row_count from cms_id_audit.origin_summary").fetchall()
        assert sorted(origins) == [
            ("enrolled_students", "cms", 200),
            ("final_marks", "cms", 3000),
            ("orders", "cms", 1000),
        ]
        # the first local row gets an id that nobody has, and no cms_id
        connection.execute(f'insert into {SCHEMA}."order" ("from") values (9000000007)')
        assert connection.execute(f'select "ID", cms_id from {SCHEMA}."order" order by 1 desc limit 1').fetchone() == (
            3001,
            None,
        )
        connection.execute(f'delete from {SCHEMA}."order" where cms_id is null')

    doctor = cmsid(copy, "doctor", **where)
    assert doctor.returncode == 0, doctor.stderr
    assert "3 tables, all migrated" in doctor.stdout

    undo = cmsid(copy, "undo", "--yes", **where)
    assert undo.returncode == 0, undo.stdout + undo.stderr
    with connect() as connection:
        assert cms_ids(connection) == {table: (rows, -1) for table, rows in ROWS.items()}

    online = cmsid(copy, "run", "--mode", "online", **where)
    assert online.returncode == 0, online.stderr
    assert "PASSED: 7 of 13" in online.stdout
    with connect() as connection:
        assert cms_ids(connection) == {table: (rows, rows) for table, rows in ROWS.items()}
        connection.execute(f'delete from {SCHEMA}."Remarque"')

    restore = cmsid(copy, "restore", "--yes", **where)
    assert restore.returncode == 0, restore.stdout + restore.stderr
    with connect() as connection:
        assert cms_ids(connection) == {table: (rows, -1) for table, rows in ROWS.items()}
        assert connection.execute(f'select count(*) from {SCHEMA}."Remarque"').fetchone() == (50,)
