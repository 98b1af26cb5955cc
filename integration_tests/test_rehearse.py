"""A rehearsal: a run and an undo on a copy, elsewhere, while the registry is only read."""

from __future__ import annotations

import io
import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from rich.console import Console

from driver import rehearsal
from driver.backup import catalogue, fingerprints, store
from driver.backup.session import pinned
from driver.backup.take import take_backup
from driver.doctor import examine
from driver.errors import Problem
from driver.rehearse import Wanted, rehearse
from driver.result import as_json
from driver.run import Run
from quality import schemas
from support.backups import databases
from support.registry import OWNER, Registry, undone
from support.sample_project import SampleProject, connection_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.profile import Connection
    from driver.progress import StageProgress

# What a role has beside its rights, as it sees itself.
ROLE = """
select session_user::text, current_setting('work_mem'), pg_has_role('clerk', 'member'),
    (select array[rolsuper, rolcreatedb, rolcreaterole, rolinherit] from pg_roles where rolname = session_user)
"""
# How much was ever written to each table, and what a database shares with others.
WRITES = """
select 'table', s.relid::regclass::text, n_tup_ins + n_tup_upd + n_tup_del from pg_stat_user_tables as s
union all
select 'database', datname, oid::bigint from pg_database
union all
select 'role', rolname || coalesce(rolconfig::text, ''), 0 from pg_roles
union all
select 'schema', nspname, 0 from pg_namespace where nspname !~ '^pg_(toast_)?temp'
order by 1, 2
"""


@pytest.fixture
def without_createdb(registry: Registry) -> Iterator[Registry]:
    """A registry whose owner may not make databases, has a setting of its own, and is in another role."""
    with ExitStack() as stack:
        for change, back in (
            ("create role clerk createrole", "drop role clerk"),
            ("create role reader", "drop role reader"),
            (f"grant clerk to {OWNER}", f"revoke clerk from {OWNER}"),
            (f"alter role {OWNER} nocreatedb", f"alter role {OWNER} createdb"),
            (f"alter role {OWNER} set work_mem = '5MB'", f"alter role {OWNER} reset work_mem"),
            ("grant select on students to reader", "drop owned by reader"),
        ):
            stack.enter_context(undone(registry, change, back))
        yield registry


@pytest.fixture(autouse=True)
def surroundings(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry as the profile has it, and where dbt keeps what it has parsed."""
    for name, value in registry.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DBT_PROFILES_DIR", str(registry.profiles_dir))
    monkeypatch.setenv("DBT_TARGET_PATH", str(registry.runner.folder / "target-of-rehearsals"))


def everything(registry: Registry, connection: Connection) -> tuple[Any, ...]:
    """What a registry holds and how much was ever written to it."""
    with pinned(connection) as session:
        objects = catalogue.read(session, connection.audit_schema)
    rows = fingerprints.of_all_tables(connection, jobs=1)
    return objects, rows, registry.rows(WRITES, user="postgres")


def said(connection: Connection, wanted: Wanted) -> tuple[rehearsal.Rehearsal, str]:
    """A rehearsal, and what it printed."""
    console = Console(file=io.StringIO(), width=200, highlight=False)
    found = rehearse(connection, wanted, console)
    assert isinstance(console.file, io.StringIO)
    return found, console.file.getvalue()


def test_both_modes_are_rehearsed_and_undone_as_the_same_role_and_the_registry_is_only_read(
    without_createdb: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, connection = without_createdb, connection_of(without_createdb)
    seen = []
    original = Run._doctor

    def look(run: Run, progress: StageProgress) -> str:
        with run.connection.connect() as session:
            seen.append(session.execute(ROLE.encode()).fetchone())
        assert run.connection.port != connection.port
        return original(run, progress)

    monkeypatch.setattr(Run, "_doctor", look)
    own = registry.rows(ROLE)
    before = everything(registry, connection)

    found, text = said(connection, Wanted(mode="both", directory=tmp_path))

    for was, now in zip(before, everything(registry, connection), strict=True):
        assert [one for one in now if one not in was] == [one for one in was if one not in now] == []
    assert seen == own * 2
    assert own[0][1:] == ("5MB", True, [False, False, False, True])
    assert found.verdict == "passed", text
    assert [(part.mode, [stage.key for stage in part.stages][-1]) for part in found.parts] == [
        ("window", "undo"),
        ("online", "undo"),
    ]
    for part in found.parts:
        assert {stage.status for stage in part.stages} == {"done", "skipped"}
        assert part.figures and part.figures.wal_bytes > 0 and part.figures.seconds > 0
        assert all(line.status == "passed" for line in part.checklist)
    assert set(found.stand_ins) == {"clerk", "reader"}
    assert found.next_command == "scripts/cmsid run --without-test-restore"
    jsonschema.validate(json.loads(as_json(found)), schemas.schema("rehearse"))

    # kept beside a backup that is whole all the same, and said from now on, scaled by the rows
    (backup,) = store.all_backups(tmp_path / registry.dbname)
    assert isinstance(backup, store.Backup) and backup.verification and not backup.shortcoming
    kept = Path(found.location)
    assert kept.parent == backup.folder and kept.stat().st_mode & 0o077 == 0
    assert json.loads(kept.read_text("utf-8")) == json.loads(as_json(found))
    project = SampleProject(variables={"window_budget": "1ms"})
    told = examine(connection, project, backups=tmp_path)
    window = found.parts[0].figures
    assert window
    assert told.estimates["window"].seconds == pytest.approx(window.seconds)
    assert told.estimates["window"].rehearsed_at == found.rehearsed_at
    (over,) = [finding for finding in told.findings if finding.code == "window_budget"]
    assert f"(rehearsed at {found.rehearsed_at.replace('T', ' ').replace('Z', ' UTC')})" in over.detail
    twice = {"window": replace(told.estimates["window"], rows=2 * window.rows)}
    with pinned(connection) as session:
        grown = rehearsal.in_place_of(twice, session, connection, tmp_path)["window"]
    assert grown.seconds == pytest.approx(2 * window.seconds)
    assert grown.wal_bytes == 2 * window.wal_bytes
    assert not examine(connection, SampleProject(), backups=tmp_path / "none").estimates["window"].rehearsed_at


def test_a_backup_is_verified_elsewhere_by_a_role_that_may_not_create_databases(
    without_createdb: Registry, tmp_path: Path
) -> None:
    registry, connection = without_createdb, connection_of(without_createdb)
    with pytest.raises(Problem, match="may not create databases"):
        take_backup(connection, directory=tmp_path, verify=True)

    backup = take_backup(connection, directory=tmp_path, verify=True, on="embedded")

    assert backup.verification
    assert backup.verification.elsewhere[0].startswith("On a temporary PostgreSQL")
    assert backup.verification.elsewhere[-1] == "Roles were made there that cannot log in: clerk, reader"
    assert registry.rows("select backup_id, verified_at is not null from cms_id_audit.backups") == [
        (backup.backup_id, True)
    ]
    assert databases(registry.server, "cmsid_") == []
