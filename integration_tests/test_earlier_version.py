"""What version 1.0.0 left is gone on with: its backup, and registries half-way through its procedure, made on PostgreSQL 16."""

from __future__ import annotations

import lzma
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from driver.backup import pg_tools, restore, store
from support.backups import connection_of, databases
from support.registry import AUDIT_SCHEMA
from support.runs import Runner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.registry import Registry

# Its catalogue was written down there, and a newer major has other entries in it.
pytestmark = pytest.mark.on_major(16)
LEFT = Path(__file__).parent / "support" / "version_1_0"
CORE_ROWS = 2160  # of all core tables when it made them


@pytest.fixture
def runner(empty_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """Runs on a database with nothing in it, beside the backup that the earlier version has taken."""
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path / "backups"))
    with tarfile.open(LEFT / "backups.tar.xz") as archive:
        archive.extractall(tmp_path / "backups", filter="data")
    yield Runner(empty_registry, tmp_path / "reports", monkeypatch)
    for name in databases(empty_registry.server, "registry"):
        empty_registry.server.drop_database(name)


def fill(registry: Registry, state: str, folder: Path) -> None:
    """Restore a registry in a state as the earlier version left it."""
    dump = folder / state
    dump.write_bytes(lzma.decompress((LEFT / f"{state}.dump.xz").read_bytes()))
    program = pg_tools.find(registry.server.major).pg_restore
    command = [program, "--no-owner", "--exit-on-error", f"--dbname={registry.dbname}", str(dump)]
    subprocess.run(command, env=connection_of(registry.server).environment(), check=True)


def filled(registry: Registry) -> int:
    """How many rows have their id as cms_id, of those that have one."""
    core = registry.rows(f"select distinct table_name from {AUDIT_SCHEMA}.migrations")
    return sum(registry.value(f"select count(*) from {table} where cms_id = id") for (table,) in core)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("state", "skipped"),
    [
        ("half_filled", {"doctor", "backup", "baseline"}),
        ("baselined", set()),
        ("migrated", {"doctor", "backup", "baseline", "migrate", "origins"}),
        ("undone", set()),
    ],
)
def test_a_run_goes_on_where_it_stopped(runner: Runner, tmp_path: Path, state: str, skipped: set[str]) -> None:
    fill(runner.registry, state, tmp_path)
    run = runner.go()
    assert run.code == 0, run.text
    assert run.result
    assert {stage.key for stage in run.result.stages if stage.status == "skipped"} == skipped
    assert run.result.lines_passed == 13
    assert filled(runner.registry) == CORE_ROWS


@pytest.mark.thorough
def test_its_baseline_and_backup_are_the_proof_of_a_migration(runner: Runner, tmp_path: Path) -> None:
    fill(runner.registry, "baselined", tmp_path)
    runner.registry.dbt_ok("run-operation", "add_cms_id")
    assert filled(runner.registry) == CORE_ROWS
    assert runner.registry.dbt("test").success


@pytest.mark.thorough
@pytest.mark.parametrize("state", ["half_filled", "migrated"])
def test_what_it_added_is_removed(runner: Runner, tmp_path: Path, state: str) -> None:
    fill(runner.registry, state, tmp_path)
    runner.registry.dbt_ok("run-operation", "drop_cms_id" if state == "migrated" else "abandon_cms_id")
    assert runner.registry.value("select count(*) from pg_attribute where attname = 'cms_id' and not attisdropped") == 0


@pytest.mark.parametrize("in_place", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_its_backup_is_restored_and_compared(runner: Runner, tmp_path: Path, *, in_place: bool) -> None:
    registry, connection = runner.registry, connection_of(runner.registry.server)
    fill(registry, "migrated", tmp_path)
    (backup,) = store.all_backups(store.folder_of(connection))
    assert isinstance(backup, store.Backup)
    restored = restore.restore(connection, backup, from_elsewhere=True, in_place=in_place)
    assert restored.backup_id == backup.backup_id
    assert registry.value("select count(*) from pg_attribute where attname = 'cms_id' and not attisdropped") == 0
    assert registry.value("select count(*) from students") > 0
