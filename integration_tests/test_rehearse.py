"""A rehearsal: a run and an undo on a copy, elsewhere, while the registry is only read."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import jsonschema
import psutil
import pytest
from rich.console import Console

from driver import profile, rehearsal
from driver.backup import catalogue, compare, pg_tools, place, store, take
from driver.backup.session import pinned
from driver.backup.take import take_backup
from driver.dbt_project import DbtProject
from driver.doctor import examine
from driver.embedded_server import EmbeddedServer
from driver.errors import Problem
from driver.progress import Stages
from driver.rehearse import Wanted, print_rehearsal, rehearse
from driver.result import as_json
from driver.run import Options, Run
from driver.server_programs import all_servers
from driver.status import status
from quality import schemas
from support.backups import SCRIPTS, databases
from support.registry import OWNER, Registry, undone
from support.runs import stopped_behind
from support.sample_project import SampleProject, connection_of
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.profile import Connection
    from driver.progress import StageProgress
    from driver.result import Lock

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
MAKER = """
import time
from driver import profile
from driver.backup import database_state
from driver.backup.swap import scratch_database
from driver.backup.session import pinned

connection = profile.load()
with pinned(connection) as session:
    state = database_state.read(session, connection.dbname)
with scratch_database(connection, state, "template0"):
    print("made", flush=True)
    time.sleep(60)
"""
BY_HEAD = """
create function stamp() returns event_trigger language plpgsql as 'begin end';
create event trigger by_head on ddl_command_end when tag in ('COMMENT') execute function stamp();
alter event trigger by_head owner to head;
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
    rows = compare.of_all_tables(connection, jobs=1)
    return objects, rows, registry.rows(WRITES, user="postgres")


def said(connection: Connection, wanted: Wanted) -> tuple[rehearsal.Rehearsal, str]:
    """A rehearsal, and what it printed."""
    console = Console(file=io.StringIO(), width=200, highlight=False)
    found = rehearse(connection, wanted, console)
    print_rehearsal(console, found)
    assert isinstance(console.file, io.StringIO)
    return found, console.file.getvalue()


def counted_parses(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The target of each time that dbt parses the project from now on."""
    parses: list[str | None] = []
    invoke = DbtProject.invoke

    def count(project: DbtProject, *words: str) -> Any:
        if words[0] == "parse":
            parses.append(project.target)
        return invoke(project, *words)

    monkeypatch.setattr(DbtProject, "invoke", count)
    return parses


@pytest.mark.parametrize(
    ("wanted", "modes"),
    [(None, ["window"]), pytest.param("both", ["window", "online"], marks=pytest.mark.thorough)],
)
def test_a_mode_is_rehearsed_and_undone_as_the_same_role_and_the_registry_is_only_read(
    without_createdb: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wanted: Literal["both"] | None,
    modes: list[str],
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
    parses = counted_parses(monkeypatch)
    own = registry.rows(ROLE)
    before = everything(registry, connection)

    found, text = said(connection, Wanted(mode=wanted, directory=tmp_path))

    for was, now in zip(before, everything(registry, connection), strict=True):
        assert [one for one in now if one not in was] == [one for one in was if one not in now] == []
    assert seen == own * len(modes)
    assert own[0][1:] == ("5MB", True, [False, False, False, True])
    assert found.verdict == "passed", text
    assert [(part.mode, part.stages[-1].key) for part in found.parts] == [(mode, "undo") for mode in modes]
    for part in found.parts:
        assert {stage.status for stage in part.stages} == {"done", "skipped"}
        assert part.figures and part.figures.wal_bytes > 0 and part.figures.seconds > 0
        assert all(line.status == "passed" for line in part.checklist)
        assert {lock.command for lock in part.locks} == {f"migrate-{part.mode}", "undo"}
        (baseline,) = [stage for stage in part.stages if stage.key == "baseline"]
        assert baseline.status == ("done" if part.mode == "window" else "skipped")  # both begin from the same one
        assert 0 < part.figures.lock_seconds <= part.figures.seconds
    assert set(found.stand_ins) == {"clerk", "reader"}
    assert parses == [connection.target]  # what a run parses nothing of anew
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
    assert backup.verification.elsewhere[0].startswith(f"on a temporary PostgreSQL {registry.server.major}.")
    assert backup.verification.elsewhere[1:] == [f"roles made there, without login: clerk, reader, {OWNER}"]
    assert registry.rows("select backup_id, verified_at is not null from cms_id_audit.backups") == [
        (backup.backup_id, True)
    ]
    assert databases(registry.server, "cmsid_") == []


@pytest.fixture
def backup(without_createdb: Registry, tmp_path: Path) -> store.Backup:
    """A backup of that registry, as it stands."""
    return take_backup(connection_of(without_createdb), directory=tmp_path, listed=False)


def taken(lock: Lock) -> tuple[str, ...]:
    """What a lock is, whenever it was taken."""
    return (lock.table, lock.step, lock.relation, lock.mode)


def servers() -> set[int]:
    """The servers that this process has started and that still run."""
    return {process.pid for process in psutil.Process().children() if process.status() != psutil.STATUS_ZOMBIE}


@pytest.mark.thorough
def test_a_role_elsewhere_is_as_it_is_here_and_a_server_can_have_any_first_role(
    without_createdb: Registry, tmp_path: Path
) -> None:
    registry = without_createdb
    here = replace(connection_of(registry), role="clerk")
    with ExitStack() as stack:
        for change, back in (
            ("create role upper createdb noinherit", "drop role upper"),
            ("create role head superuser", "drop owned by head; drop role head"),
            ("grant upper to clerk with admin option", "revoke upper from clerk"),
            (f'alter role {OWNER} set search_path = app, "Odd, one"', f"alter role {OWNER} reset search_path"),
            (BY_HEAD, "drop event trigger by_head; drop function stamp()"),
        ):
            stack.enter_context(undone(registry, change, back))
        backup = take_backup(connection_of(registry), directory=tmp_path, listed=False)
        roles = (
            "select rolname, rolcreatedb, rolinherit, pg_has_role('upper', 'member') from pg_roles"
            " where rolname in (session_user, 'clerk', 'upper') order by 1"
        )
        options = (
            "select roleid::regrole::text, member::regrole::text, admin_option from pg_auth_members"
            " where roleid = 'upper'::regrole"
        )
        own = [registry.rows(query) for query in (roles, options)]
        with place.place(here, backup, "embedded") as there, take.restored(there, backup) as (copy, _):
            with pinned(replace(there.worker, dbname=copy.dbname)) as session:
                assert [session.execute(query.encode()).fetchall() for query in (roles, options)] == own
                assert session.execute("select session_user::text, current_user::text").fetchone() == (OWNER, "clerk")
            with replace(there.worker, dbname=copy.dbname).connect() as session:
                assert session.execute("show search_path").fetchone() == ('app, "Odd, one"',)
                assert session.execute("show work_mem").fetchone() == ("5MB",)
        assert there.told == []
        assert set(there.stand_ins) == {"clerk", "head", "reader", "upper"}


@pytest.mark.parametrize(
    "lacking",
    [
        "extension",
        *(pytest.param(each, marks=pytest.mark.thorough) for each in ("tablespace", "major", "locale", "service")),
    ],
)
def test_what_a_place_lacks_is_said_before_the_backup_and_before_the_restore(
    lacking: str, without_createdb: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, connection = without_createdb, connection_of(without_createdb)
    if lacking == "extension":
        registry.execute("create extension measures", user="postgres")
    if lacking == "tablespace":
        with registry.connect("postgres") as session:
            session.execute("set allow_in_place_tablespaces = on")
            session.execute("create tablespace far location ''")
        registry.execute("create table distant (id integer) tablespace far", user="postgres")
        registry.execute(f"alter table distant owner to {OWNER}", user="postgres")
    words = {
        "extension": f"PostgreSQL {registry.server.major} lacks measures.*--on here.*--on SERVICE",
        "tablespace": "needs the tablespace far, which this server does not have.*--on here.*--on SERVICE",
        "major": f"no server of PostgreSQL {registry.server.major} or newer.*--on here.*--on SERVICE",
        "locale": "cannot make a database of this kind.*xx_NOWHERE",
        "service": "There is no service nowhere",
    }
    try:
        if lacking in {"extension", "tablespace"}:
            with pytest.raises(Problem, match=words[lacking]):
                said(connection, Wanted(directory=tmp_path))
            with pytest.raises(Problem, match=words[lacking]):
                take_backup(connection, directory=tmp_path, verify=True, on="embedded")
            assert store.all_backups(tmp_path / registry.dbname) == []
        backup = take_backup(connection, directory=tmp_path, listed=False)
    finally:
        if lacking == "tablespace":
            registry.execute("drop table distant", user="postgres")
            registry.execute("drop tablespace far", user="postgres")
    state = backup.manifest.state
    if lacking == "locale":
        state["lc_ctype"] = state["lc_collate"] = "xx_NOWHERE"
    if lacking == "major":
        monkeypatch.setattr(place, "all_servers", lambda: [(13, tmp_path)])
    restores: list[str] = []
    monkeypatch.setattr(pg_tools, "restore", lambda *_, **__: restores.append("begun"))
    before = servers()

    with (
        pytest.raises(Problem, match=words[lacking]),
        place.place(connection, backup, "nowhere" if lacking == "service" else "embedded") as there,
        take.restored(there, backup),
    ):
        pass

    assert restores == []
    assert servers() == before
    assert databases(registry.server, "cmsid_") == []
    assert os.environ["PGPORT"] == str(registry.server.port)


@pytest.mark.thorough
def test_beside_the_live_database_a_role_with_createdb_rehearses_too(registry: Registry, tmp_path: Path) -> None:
    take_backup(connection_of(registry), directory=tmp_path, listed=False)
    before = databases(registry.server, "")

    found, text = said(connection_of(registry), Wanted(mode="window", on="here", directory=tmp_path))

    assert found.verdict == "passed", text
    assert (found.stand_ins, found.next_command) == ([], "scripts/cmsid run --mode window")
    assert databases(registry.server, "") == before
    assert "gone" not in text  # where a copy could not be dropped, a warning has said so
    (part,) = found.parts
    run = Run(
        profile.load(), Options(test_restore=False, reports=tmp_path, backups=tmp_path), Stages(Console(quiet=True))
    )
    result = run.go()
    assert result.verdict == "passed"
    assert result.expected and result.expected.rehearsed_at == found.rehearsed_at
    assert [taken(lock) for lock in result.locks] == [taken(lock) for lock in part.locks if lock.command != "undo"]
    assert " were rehearsed" in next(stage.detail for stage in result.stages if stage.key == "migrate")


@pytest.fixture
def services(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pg_service.conf with entries for the registry's server: `own` for its superuser, and those that do not work."""
    path = tmp_path / "services"
    monkeypatch.setenv("PGSERVICEFILE", str(path))
    server = registry.server
    path.write_text(
        entry("own", server)
        + entry("plain", server, OWNER)
        + entry("wrong", server, password="no")
        + entry("down", server, port=1)
    )
    return path


def entry(name: str, server: EmbeddedServer, user: str = "postgres", *, password: str = "", port: int = 0) -> str:
    """An entry of pg_service.conf."""
    return (
        f"[{name}]\nhost={server.host}\nport={port or server.port}\nuser={user}\ndbname=postgres\n"
        f"password={password or server.passwords[user]}\n"
    )


@pytest.fixture
def other(without_createdb: Registry, services: Path) -> Iterator[EmbeddedServer]:
    """Another server, of the service `other`."""
    with EmbeddedServer(major=without_createdb.server.major, fsync=False) as server:
        with services.open("a") as file:
            file.write(entry("other", server))
        yield server


def shared(server: EmbeddedServer) -> list[Any]:
    """The roles and databases of a server."""
    query = "select 'role', rolname from pg_roles union all select 'database', datname from pg_database order by 1, 2"
    with server.connect() as session:
        return session.execute(query).fetchall()


@pytest.mark.parametrize(
    ("on", "words"),
    [
        ("embeded", "no service embeded: give `embedded`, `here`, or the name of an entry of your pg_service.conf"),
        pytest.param("", "no service without a name: give `embedded`, `here`, or", marks=pytest.mark.thorough),
        ("down", ": start the server, or correct host and port in the entry down of your pg_service.conf"),
        pytest.param(
            "wrong", ": correct ~/.pgpass or the entry wrong of your pg_service.conf", marks=pytest.mark.thorough
        ),
        ("plain", f"{OWNER} may not create databases there"),
        pytest.param("here", "may not create databases", marks=pytest.mark.thorough),
        pytest.param("embedded", "no server of PostgreSQL .* or newer", marks=pytest.mark.thorough),
    ],
)
def test_a_place_that_cannot_be_had_is_refused_before_a_backup_is_taken(
    on: str, words: str, without_createdb: Registry, services: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, directory = connection_of(without_createdb), services.parent
    monkeypatch.setattr(place, "all_servers", lambda: [(13, directory)])

    with pytest.raises(Problem, match=words):
        said(connection, Wanted(on=on, directory=directory))
    with pytest.raises(Problem, match=words):
        take_backup(connection, directory=directory, verify=True, on=on)

    assert list(directory.iterdir()) == [services]


@pytest.mark.thorough
def test_a_service_is_left_as_it_was(
    without_createdb: Registry, backup: store.Backup, services: Path, other: EmbeddedServer, tmp_path: Path
) -> None:
    registry, connection = without_createdb, connection_of(without_createdb)
    before = shared(other)

    found, text = said(connection, Wanted(backup.backup_id, mode="window", on="other", directory=tmp_path))

    assert found.verdict == "passed", text
    assert found.server.endswith("of the service other")
    assert set(found.stand_ins) == {"clerk", "reader"}
    assert shared(other) == before
    # as the role itself, which may make databases there, and no other role
    other.create_role(OWNER)
    with services.open("a") as file:
        file.write(entry("same", other, OWNER))
    with pytest.raises(Problem, match="missing there: clerk, reader"):
        take.verify_backup(connection, backup, on="same")
    with other.connect() as session:
        session.execute("create role clerk; create role reader")
    assert take.verify_backup(connection, backup, on="same").verification
    # where the role is there, whose password only a rehearsal needs
    with pytest.raises(Problem, match=f"There is a role {OWNER} already"):
        said(connection, Wanted(backup.backup_id, on="own", directory=tmp_path))
    verified = take.verify_backup(connection, backup, on="own").verification
    assert verified and len(verified.elsewhere) == 1
    assert databases(registry.server, "cmsid_") == []


@pytest.mark.thorough
def test_a_superuser_of_both_servers_rehearses_what_a_role_of_one_of_them_owns(
    without_createdb: Registry, backup: store.Backup, other: EmbeddedServer, tmp_path: Path
) -> None:
    registry, before = without_createdb, shared(other)
    as_superuser = registry.server.reach(registry.dbname, "postgres")

    found, text = said(as_superuser, Wanted(backup.backup_id, mode="window", on="other", directory=tmp_path))

    assert found.verdict == "passed", text
    assert found.stand_ins == ["reader", OWNER]
    assert shared(other) == before


@pytest.mark.thorough
def test_what_a_killed_rehearsal_leaves_on_a_service_goes_with_the_next(
    without_createdb: Registry, backup: store.Backup, other: EmbeddedServer, tmp_path: Path
) -> None:
    before = shared(other)
    killed("SIGKILL", "restore", tmp_path, "--on", "other")
    left = shared(other)
    assert ("role", OWNER) in left and len(left) > len(before)
    until(lambda: databases(other, "cmsid_") == [])

    found, text = said(
        connection_of(without_createdb), Wanted(backup.backup_id, mode="window", on="other", directory=tmp_path)
    )

    assert found.verdict == "passed", text
    assert shared(other) == before


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("sign", "stage"),
    [
        *(("SIGINT", stage) for stage in ("backup", "server", "migrate")),
        *(("SIGKILL", stage) for stage in ("backup", "server", "restore", "migrate")),
    ],
)
def test_stopped_at_any_stage_it_leaves_nothing_on_the_registrys_server(
    sign: str, stage: str, without_createdb: Registry, tmp_path: Path
) -> None:
    registry = without_createdb
    before = databases(registry.server, "")

    started = killed(sign, stage, tmp_path)

    until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in started))
    assert databases(registry.server, "") == before
    assert registry.rows("select nspname from pg_namespace where nspname like 'cms%'") == []


def test_a_scratch_database_goes_with_its_killed_maker(registry: Registry) -> None:
    before = databases(registry.server, "")
    process = subprocess.Popen(
        [sys.executable, "-c", MAKER], env={**os.environ, "PYTHONPATH": str(SCRIPTS)}, text=True, stdout=subprocess.PIPE
    )
    assert process.stdout and process.stdout.readline()
    assert len(databases(registry.server, "cmsid_scratch_")) == 1

    process.kill()
    process.communicate()

    until(lambda: databases(registry.server, "") == before)


@pytest.mark.thorough
@pytest.mark.parametrize("stage", ["restore", "baseline", "migrate"])
def test_killed_beside_the_live_database_it_leaves_nothing_there(
    stage: str, registry: Registry, tmp_path: Path
) -> None:
    before = databases(registry.server, "")

    killed("SIGKILL", stage, tmp_path, "--on", "here")

    until(lambda: databases(registry.server, "") == before)


def killed(sign: str, stage: str, directory: Path, *more: str) -> set[psutil.Process]:
    """Send a rehearsal a signal once a stage is done. Returns the processes that it had started."""
    words = ["rehearse", "--mode", "window", "--directory", str(directory), *more]
    code, text, started = stopped_behind(stage, words, os.environ, signal.Signals[sign])
    assert code == (130 if sign == "SIGINT" else -signal.SIGKILL), text
    assert "Traceback" not in text
    return started


@pytest.mark.thorough
@pytest.mark.on_major(15)
def test_where_its_version_is_missing_the_next_newer_one_is_taken_and_said(
    without_createdb: Registry, backup: store.Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [server for server in all_servers() if server[0] != without_createdb.server.major]
    newer = min(major for major, _ in found)
    monkeypatch.setattr(place, "all_servers", lambda: found)

    verified = take.verify_backup(connection_of(without_createdb), backup, on="embedded").verification

    assert verified
    assert verified.server_version.startswith(f"{newer}.")
    assert verified.elsewhere[1] == f"it is PostgreSQL {newer}, and the backup is of 15"


@pytest.mark.thorough
def test_what_is_migrated_already_is_not_rehearsed_and_a_rehearsal_counts_as_proof(
    registry: Registry, tmp_path: Path
) -> None:
    connection = connection_of(registry)
    backup = take_backup(connection, directory=tmp_path)
    assert "not test-restored" in " ".join(status(connection).lines())
    with place.place(connection, backup, "here") as there, take.restored(there, backup):
        pass
    assert "test restore identical" in " ".join(status(connection).lines())
    registry.execute(
        "insert into cms_id_audit.migrations (migration_id, table_name, schema_name, relation_name, mode, state,"
        " constraint_name) values (1, 'schools', 'public', 'schools', 'online', 'marked', 'schools_cms_id_unique')"
    )
    with pytest.raises(Problem, match=r"There is nothing to rehearse: .* name a backup from before the migration"):
        rehearse(connection, Wanted(directory=tmp_path), Console(file=io.StringIO()))
