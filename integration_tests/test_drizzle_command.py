"""`cmsid drizzle`, as a developer calls it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from support.backups import cmsid
from support.dbt_runner import PROFILE
from support.sample_app import SAMPLE_APP

if TYPE_CHECKING:
    from pathlib import Path

GENERATED = "\n--> statement-breakpoint\n".join(
    f'ALTER TABLE "{table}" ADD COLUMN "cms_id" integer;--> statement-breakpoint\n'
    f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_cmsId_unique" UNIQUE("cms_id");'
    for table in ("schools", "programs")
)


pytestmark = pytest.mark.thorough  # every call has dbt parse the project


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A copy of the sample application."""
    copy = tmp_path / "app"
    shutil.copytree(SAMPLE_APP, copy, ignore=shutil.ignore_patterns("node_modules"))
    return copy


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A profile, for a server that is not there: the command needs none."""
    folder = tmp_path / "profile"
    folder.mkdir()
    (folder / "profiles.yml").write_text(PROFILE)
    server = {"PGHOST": "localhost", "PGPORT": "1", "PGUSER": "nobody", "PGPASSWORD": "none", "PGDATABASE": "none"}
    return {**server, "DBT_PROFILES_DIR": str(folder)}


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_diff_then_the_files_then_nothing(app: Path, environment: dict[str, str]) -> None:
    before = contents(app)
    shown = cmsid("drizzle", str(app / "src"), environment=environment)
    assert shown.returncode == 0, shown.stderr
    assert contents(app) == before
    assert "\x1b[" not in shown.stdout
    assert shown.stdout.count("\n+++ b/src/app/") == 4
    assert "Nothing was written: --write does that." in shown.stderr
    assert 'set cms_id_constraint: "{table}_cmsId_unique"' in shown.stderr

    written = cmsid("drizzle", "src", "--write", environment=environment, cwd=app)
    assert written.returncode == 0, written.stderr
    assert written.stdout.count("written: ") == 4
    after = contents(app)
    assert sum(after[path] != text for path, text in before.items()) == 4

    again = cmsid("drizzle", str(app / "src"), "--write", environment=environment)
    assert again.returncode == 0
    assert again.stdout == ""
    assert "Nothing to change." in again.stderr
    assert contents(app) == after


def test_the_generated_migration_and_the_sql_alone(app: Path, environment: dict[str, str]) -> None:
    assert cmsid("drizzle", str(app / "src"), "--write", environment=environment).returncode == 0
    folder = app / "elsewhere" / "0001_a"
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text(GENERATED)
    options = ["--migrations", str(folder.parent), "--config", str(app / "drizzle.config.ts")]
    filled = cmsid("drizzle", str(app / "src"), "--write", "--marker", *options, environment=environment)
    assert filled.returncode == 0, filled.stderr
    assert "DO $marker$" in (folder / "migration.sql").read_text()
    assert "cms_id of module_prerequisites, modules," in filled.stderr
    sql = cmsid("drizzle", str(app / "src"), "--sql", environment=environment)
    assert sql.returncode == 0
    assert sql.stdout.count("UPDATE ") == 12
    assert sql.stdout.count("--> statement-breakpoint") == 35
    marker = cmsid("drizzle", str(app / "src"), "--sql", "--marker", environment=environment)
    assert marker.stdout.count("_cmsId_unique") == 12


def test_what_is_in_the_way_is_one_error_without_a_traceback(app: Path, environment: dict[str, str]) -> None:
    (app / "src/app/academic/_database/schema/schools.ts").write_text(
        "import { pgTable } from 'drizzle-orm/pg-core'; ("
    )
    before = contents(app)
    refused = cmsid("drizzle", str(app / "src"), "--write", environment=environment)
    assert refused.returncode == 1
    assert "schools.ts is not valid TypeScript at line 1" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert contents(app) == before
    usage = cmsid("drizzle", str(app / "src"), "--write", "--sql", environment=environment)
    assert usage.returncode == 2
    assert cmsid("drizzle", str(app / "nowhere"), environment=environment).returncode == 2
