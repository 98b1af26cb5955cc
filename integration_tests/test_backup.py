"""A backup holds one moment, proves that it restores, and is refused once anything of it is not as it was."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from driver.backup import compare, hindrances, journal, manifest, pg_tools, prune, restore, session, store, swap, take
from driver.backup.swap import drop
from driver.backup.take import take_backup
from driver.errors import Problem
from support.autovacuum import slow_autovacuum, wait_for_worker
from support.backups import (
    SCRIPTS,
    cmsid,
    connection_of,
    cut_a_file,
    cut_manifest,
    databases,
    drop_all,
    flip_a_byte,
    largest_file,
    remove_manifest,
    remove_toc,
    wrapped_tools,
)
from support.registry import AUDIT_SCHEMA, OWNER, undone
from support.waiting import until, waiting_for_a_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from driver.backup.catalogue import Findings
    from driver.backup.store import Backup
    from driver.embedded_server import EmbeddedServer
    from driver.profile import Connection
    from support.registry import Registry


@pytest.fixture
def connection(registry: Registry) -> Connection:
    return connection_of(registry.server)


@pytest.mark.every_major
def test_a_backup_is_verified_private_and_listed(registry: Registry, connection: Connection, tmp_path: Path) -> None:
    backup = take_backup(connection, directory=tmp_path / "backups", verify=True, purpose="the test")

    assert backup.verification
    assert backup.manifest.server_major == registry.server.major
    counts = {table.name: table.rows for table in backup.manifest.tables if table.schema == "public"}
    assert counts == registry.counts
    for path in [tmp_path / "backups", *(tmp_path / "backups").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    listed = registry.dicts("select * from cms_id_audit.backups")
    assert [row["backup_id"] for row in listed] == [backup.backup_id]
    assert listed[0]["verified_at"] == datetime.fromisoformat(backup.verification.verified_at)
    assert listed[0]["purpose"] == "the test"
    listed_tables = registry.rows("select relation_name, row_count from cms_id_audit.backup_tables")
    assert dict(listed_tables) == registry.counts
    assert databases(registry.server, "cmsid_scratch") == []


@pytest.mark.thorough
def test_the_migration_accepts_a_backup_of_the_same_rows_only(baselined_registry: Registry, tmp_path: Path) -> None:
    registry = baselined_registry
    take_backup(connection_of(registry.server), directory=tmp_path)
    registry.execute("update schools set name = name || '.'")
    refused = registry.dbt("run-operation", "add_cms_id")
    assert not refused.success
    assert "in backup" in refused.output
    registry.execute("update schools set name = left(name, -1)")
    registry.dbt_ok("run-operation", "add_cms_id")


def test_the_application_goes_on_and_the_backup_is_still_of_one_moment(
    registry: Registry, connection: Connection, tmp_path: Path
) -> None:
    over = threading.Event()

    def write() -> None:
        with registry.connect() as session:
            while not over.is_set():
                session.execute(
                    "insert into schools (code, name) select 'busy ' || n, 'x' from nextval('schools_id_seq') as n"
                )
                session.execute(
                    "update students set name = name || '.' where std_no = (select min(std_no) from students)"
                )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        backup = take_backup(connection, directory=tmp_path, verify=True)
    finally:
        over.set()
        writer.join()
    assert backup.verification


@pytest.mark.every_major
def test_a_table_that_is_rewritten_meanwhile_is_not_taken_for_empty(
    registry: Registry, connection: Connection, tmp_path: Path
) -> None:
    taken: list[Backup] = []
    backing_up = threading.Thread(target=lambda: taken.append(take_backup(connection, directory=tmp_path)))
    with registry.connect(autocommit=False) as migration:
        migration.execute("alter table schools add cms_id integer")
        migration.execute("alter table schools alter cms_id type integer using id")
        backing_up.start()
        until(lambda: waiting_for_a_lock(registry))
    backing_up.join()
    counts = {table.name: table.rows for table in taken[0].manifest.tables if table.schema == "public"}
    assert counts == registry.counts


def test_a_backup_names_the_session_that_keeps_a_table_locked(
    registry: Registry, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = session.pin

    def pin_shorter(pinned: Any) -> None:
        pin(pinned)
        pinned.execute("set lock_timeout = '100ms'")

    monkeypatch.setattr(session, "pin", pin_shorter)
    with registry.connect(autocommit=False) as other:
        other.execute("lock table schools")
        with pytest.raises(Problem, match=rf"session {other.info.backend_pid} .* holds .* on public\.schools"):
            take_backup(connection, directory=tmp_path)
    assert store.all_backups(store.folder_of(connection, tmp_path)) == []


def test_a_table_dropped_since_it_was_listed_is_none_of_the_backup(
    registry: Registry, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.execute('create table "of a ""moment""" (id integer)')
    listed, drops = compare.tables, ['drop table "of a ""moment"""']

    def list_and_drop(session: Any) -> list[tuple[str, str]]:
        tables = listed(session)
        for statement in drops:
            registry.execute(statement)
        drops.clear()
        return tables

    monkeypatch.setattr(compare, "tables", list_and_drop)
    backup = take_backup(connection, directory=tmp_path)
    assert {table.name for table in backup.manifest.tables} == registry.counts.keys()


def test_awkward_names_and_every_kind_of_object(server: EmbeddedServer, tmp_path: Path) -> None:
    name = "Reg \"is\" 'try' = ü/../x"
    text = (Path(__file__).parent / "support" / "every_kind_of_object.sql").read_text()
    server.drop_database(name)
    server.create_database(name)
    try:
        with server.connect(name) as session:
            session.execute(text.encode())
            session.execute("select lo_from_bytea(0, '\\x0001ff')")
            session.execute('create table odd ("a b" integer, "C""d" json, t timestamptz, f real)')
            session.execute("insert into odd select i, '{\"a\": 1}', now(), 0.1 from generate_series(1, 5) as i")
            session.execute("create table checked (code varchar(3) check (code in ('a', 'b')))")
        connection = connection_of(server, name, "postgres")
        backup = take_backup(connection, directory=tmp_path, verify=True)
        assert backup.verification
        restored = restore.restore(connection, backup, directory=tmp_path)
        assert restored.left == []
        with server.connect(name) as session:
            row = session.execute("select count(*) from pg_largeobject_metadata").fetchone()
            assert row == (1,)
    finally:
        drop_all(server, name[:20])


# ---- damage


def _edit(name: str, change: Callable[[str], str]) -> Callable[[Path], object]:
    """Damage that rewrites a file of the backup's folder."""
    return lambda folder: (folder / name).write_text(change((folder / name).read_text()))


def _one_row_more(text: str) -> str:
    content = json.loads(text)
    content["tables"][0]["rows"] += 1
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _replace_by_link(folder: Path) -> None:
    path = largest_file(folder)
    path.symlink_to(path.rename(folder.parent / "elsewhere"))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "byte appended": (
        lambda folder: os.truncate(largest_file(folder), largest_file(folder).stat().st_size + 1),
        "bytes instead of",
    ),
    "truncated": (cut_a_file, "bytes instead of"),
    "emptied": (lambda folder: os.truncate(largest_file(folder), 0), "bytes instead of"),
    "bit flipped": (flip_a_byte, "sha256"),
    "table of contents missing": (remove_toc, "missing"),
    "file missing": (lambda folder: largest_file(folder).unlink(), "missing"),
    "file too many": (lambda folder: (folder / "dump" / "9999.dat.gz").touch(), "not its own"),
    "file beside": (lambda folder: (folder / "notes.txt").write_text("not part of it"), "not its own"),
    "replaced by a link": (_replace_by_link, "link"),
    "manifest edited": (_edit(manifest.NAME, _one_row_more), "checksum"),
    "manifest reformatted": (_edit(manifest.NAME, lambda text: text + " "), "checksum"),
    "manifest truncated": (cut_manifest, "is damaged"),
    "manifest missing": (remove_manifest, "no manifest"),
    "verification edited": (
        _edit(manifest.VERIFIED, lambda text: text.replace('"tables": ', '"tables": 1')),
        "checksum",
    ),
}


@pytest.fixture(scope="module", params=["compressed", "not compressed"])
def whole_backup(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, servers: Any
) -> Iterator[tuple[Connection, Backup, Path]]:
    """A verified backup of a small database, compressed or not, and a folder for damaged copies."""
    from conftest import majors

    server = servers.server(majors()[-1])
    server.drop_database("damaged")
    server.create_database("damaged", OWNER)
    with server.connect("damaged", OWNER) as session:
        session.execute("create table letters (id serial primary key, body text)")
        session.execute("insert into letters (body) select repeat('text ' || i, 20) from generate_series(1, 2000) as i")
    connection = connection_of(server, "damaged")
    folder = tmp_path_factory.mktemp("whole")
    patch = pytest.MonkeyPatch()
    if request.param == "not compressed":
        patch.setattr(pg_tools, "COMPRESSION", "0")
    backup = take_backup(connection, directory=folder, verify=True)
    patch.undo()
    yield connection, backup, folder
    drop_all(server, "damaged")


def _copy(backup: Backup, directory: Path, connection: Connection) -> Backup:
    target = store.folder_of(connection, directory) / backup.backup_id
    shutil.copytree(backup.folder, target)
    return store.read(target)


def _untouched(connection: Connection) -> tuple[Any, ...]:
    with connection.connect() as session:
        row = session.execute(
            "select count(*), min(xmin::text), (select oid from pg_database where datname = current_database()),"
            " (select string_agg(datname, ' ' order by 1) from pg_database) from letters"
        ).fetchone()
    assert row is not None
    return tuple(row)


def test_a_record_that_was_never_finished_is_no_damage(
    whole_backup: tuple[Connection, Backup, Path], tmp_path: Path
) -> None:
    """kill -9 leaves the draft of what a test restore or a rehearsal notes."""
    connection, whole, _ = whole_backup
    copied = _copy(whole, tmp_path, connection)
    for name in (manifest.VERIFIED, "rehearsal-20261123T090000Z.json"):
        (copied.folder / f"{name}.new").write_text("{")
    manifest.check_files(copied.folder, copied.manifest)
    assert take.verify_backup(connection, copied).shortcoming == ""


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_refused_before_the_live_database_is_touched(
    kind: str, whole_backup: tuple[Connection, Backup, Path], tmp_path: Path
) -> None:
    connection, whole, _ = whole_backup
    damaged = _copy(whole, tmp_path, connection)
    before = _untouched(connection)
    damage, reason = DAMAGE[kind]
    damage(damaged.folder)
    for name in (None, damaged.backup_id, str(damaged.folder)):
        with pytest.raises(Problem, match=reason) as refused:
            restore.plan(connection, store.find(connection, name, tmp_path))
        assert "nothing was touched" in refused.value.format_message() or name is None
    with pytest.raises(Problem, match=reason):
        restore.restore(connection, store.read(damaged.folder), directory=tmp_path)
    assert _untouched(connection) == before
    assert not list(store.folder_of(connection, tmp_path).glob("restore.journal"))


def test_a_manifest_of_another_backup_is_refused(whole_backup: tuple[Connection, Backup, Path], tmp_path: Path) -> None:
    connection, whole, folder = whole_backup
    other = take_backup(connection, directory=folder)
    copied = _copy(whole, tmp_path, connection)
    shutil.copy(other.folder / manifest.NAME, copied.folder / manifest.NAME)
    with pytest.raises(Problem, match="another backup"):
        store.read(copied.folder)
    shutil.rmtree(other.folder)
    # A whole backup under another one's name is not the one that was listed.
    forged = tmp_path / "forged"
    changed = _copy(whole, forged, connection)
    content = json.loads((changed.folder / manifest.NAME).read_text())
    content.pop("checksum")
    content["tables"][0]["rows"] += 1
    manifest.write_checked(changed.folder / manifest.NAME, content)
    (changed.folder / manifest.VERIFIED).unlink()
    with pytest.raises(Problem, match="not the one that was listed"):
        restore.restore(connection, store.read(changed.folder), directory=forged)


def test_a_backup_that_may_not_be_read_is_refused(
    whole_backup: tuple[Connection, Backup, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, whole, _ = whole_backup
    copied = _copy(whole, tmp_path, connection)
    if os.geteuid() == 0:
        # Root may read everything: stand in for the system's refusal.
        locked = largest_file(copied.folder)
        real = Path.open

        def refusing(path: Path, *arguments: Any, **options: Any) -> Any:
            if path == locked:
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *arguments, **options)

        monkeypatch.setattr(Path, "open", refusing)
    else:
        largest_file(copied.folder).chmod(0)
    with pytest.raises(Problem, match="Permission denied"):
        restore.restore(connection, copied, directory=tmp_path)


def test_a_dump_of_another_database_is_refused(whole_backup: tuple[Connection, Backup, Path], tmp_path: Path) -> None:
    connection, whole, _ = whole_backup
    copied = _copy(whole, tmp_path, connection)
    with pytest.raises(Problem, match="of the database damaged, not of postgres"):
        restore.plan(connection.to_database("postgres"), copied)
    # Another one's dump under this one's manifest.
    shutil.rmtree(copied.dump)
    with connection.connect() as session:
        session.execute("insert into letters (body) values ('more')")
    other = take_backup(connection, directory=tmp_path / "other")
    shutil.copytree(other.dump, copied.dump)
    with pytest.raises(Problem, match=r"instead of|sha256|not its own|missing"):
        restore.restore(connection, copied, directory=tmp_path)


def test_a_server_of_another_major_or_another_server_is_refused(
    whole_backup: tuple[Connection, Backup, Path], servers: Any, tmp_path: Path
) -> None:
    from conftest import majors

    _, whole, _ = whole_backup
    if not (others := majors()[:-1]):
        pytest.skip("there is no server of another major")
    for major in others:
        server = servers.server(major)
        server.drop_database("damaged")
        server.create_database("damaged", OWNER)
        older = connection_of(server, "damaged")
        with pytest.raises(Problem, match="of another server"):
            restore.plan(older, whole)
        with pytest.raises(Problem, match=f"of PostgreSQL {majors()[-1]}, the server is PostgreSQL {major}"):
            restore.restore(older, whole, from_elsewhere=True, directory=tmp_path)
        server.drop_database("damaged")


def test_a_dump_killed_half_way_leaves_nothing(
    registry: Registry, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = '"$REAL" "$@" & sleep 0.2; kill -9 $!; kill -9 $$'
    monkeypatch.setenv("PATH", wrapped_tools(registry.server, tmp_path / "tools", script))
    with pytest.raises(Problem, match=r"ended by signal 9|terminated"):
        take_backup(connection, directory=tmp_path)
    assert list(store.folder_of(connection, tmp_path).iterdir()) == []
    assert store.all_backups(store.folder_of(connection, tmp_path)) == []


def test_a_driver_killed_half_way_leaves_no_backup(registry: Registry, connection: Connection, tmp_path: Path) -> None:
    whole = take_backup(connection, directory=tmp_path)
    path = wrapped_tools(registry.server, tmp_path / "tools", '"$REAL" "$@"; exec sleep 60')
    child = subprocess.Popen(
        [sys.executable, str(SCRIPTS / "cmsid"), "backup", "--directory", str(tmp_path)],
        env={**_environment(registry), "PATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    folder = store.folder_of(connection, tmp_path)
    until(lambda: any(folder.glob(".partial-*/dump/toc.dat")))
    assert store.partial_folders(folder) == []  # it is being written
    workers = psutil.Process(child.pid).children(recursive=True)
    child.send_signal(signal.SIGKILL)
    child.wait()
    for worker in workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
    assert store.find(connection, None, tmp_path).backup_id == whole.backup_id
    left = store.partial_folders(folder)
    assert len(left) == 1
    prune.carry_out(connection, prune.plan(connection, directory=tmp_path))
    assert not left[0].exists()
    assert whole.folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_leaves_no_backup(registry: Registry, connection: Connection, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)], check=True)
    try:
        with pytest.raises(Problem, match=r"[Nn]o space left|disk is full"):
            take_backup(connection, directory=disk)
        assert list(store.folder_of(connection, disk).iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert registry.value("select to_regclass('cms_id_audit.backups') is null")


# ---- roles, leftovers, secrets


def test_without_createdb_no_test_restore_but_a_backup(registry: Registry, tmp_path: Path) -> None:
    with undone(registry, f"alter role {OWNER} nocreatedb", f"alter role {OWNER} createdb"):
        connection = connection_of(registry.server)
        with pytest.raises(Problem, match="may not create databases"):
            take_backup(connection, directory=tmp_path, verify=True)
        backup = take_backup(connection, directory=tmp_path)
        assert backup.verification is None
        with pytest.raises(Problem, match="--in-place"):
            restore.restore(connection, backup, directory=tmp_path)


def test_the_programs_act_as_the_role_of_the_profile(
    registry: Registry, connection: Connection, tmp_path: Path
) -> None:
    made = f"create role acting login noinherit password 'acting'; grant {OWNER} to acting"
    with undone(registry, made, "drop role acting"):
        acting = replace(connection, user="acting", password="acting", role=OWNER)
        assert take_backup(acting, directory=tmp_path, verify=True).verification


def test_scratch_databases_of_a_crash_are_swept(
    registry: Registry, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(swap, "drop", lambda *_: None)
        backup = take_backup(connection, directory=tmp_path, verify=True)
    left = databases(registry.server, "cmsid_scratch")
    assert len(left) == 1
    take.verify_backup(connection, backup)
    assert databases(registry.server, "cmsid_scratch") == []


@pytest.mark.every_major
def test_a_scratch_database_is_dropped_while_autovacuum_is_at_work_in_it(
    registry: Registry, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = compare.differences

    def compare_later(scratch: Connection, *arguments: Any, **options: Any) -> Findings:
        wait_for_worker(registry.server, scratch.dbname)
        return compared(scratch, *arguments, **options)

    monkeypatch.setattr(compare, "differences", compare_later)
    with slow_autovacuum(registry):
        backup = take_backup(connection, directory=tmp_path, verify=True)
    assert backup.verification
    assert databases(registry.server, "cmsid_scratch") == []


def test_a_scratch_database_that_cannot_be_dropped_is_told_and_prune_drops_it(
    registry: Registry,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    compared, sessions = compare.differences, []

    def compare_beside_a_superuser(scratch: Connection, *arguments: Any, **options: Any) -> Findings:
        assert journal.describe(connection, tmp_path) == []  # it is guarded still
        sessions.append(registry.server.connect(scratch.dbname, application_name="the superuser's"))
        return compared(scratch, *arguments, **options)

    monkeypatch.setattr(compare, "differences", compare_beside_a_superuser)
    monkeypatch.setattr(drop, "__kwdefaults__", {"end_sessions": True, "seconds": 0.1})
    backup = take_backup(connection, directory=tmp_path, verify=True)
    assert backup.verification
    (left,) = databases(registry.server, "cmsid_scratch")
    told = capsys.readouterr().err
    assert f"Warning: The database {left} could not be dropped" in told
    assert "the superuser's" in told
    assert any(left in line and "scripts/cmsid prune" in line for line in journal.describe(connection, tmp_path))
    with pytest.raises(Problem, match=f"{left} could not be dropped"):
        prune.carry_out(connection, prune.plan(connection, directory=tmp_path))
    sessions[0].close()
    prune.carry_out(connection, prune.plan(connection, directory=tmp_path))
    assert databases(registry.server, "cmsid_scratch") == []
    assert journal.describe(connection, tmp_path) == []


def test_a_backup_that_does_not_restore_is_not_verified(
    registry: Registry, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It relies on the search path: it works here, and fails on the empty one of a restore.
    registry.execute(
        "create function checks(text) returns boolean language plpgsql immutable"
        " as 'begin return exists (select from schools) or true; end'"
    )
    registry.execute("alter table terms add check (checks(code))")
    monkeypatch.setattr(hindrances, "require", lambda *_: None)  # it would be known beforehand
    with pytest.raises(Problem, match="does not restore"):
        take_backup(connection, directory=tmp_path, verify=True)
    assert store.find(connection, None, tmp_path).verification is None
    assert databases(registry.server, "cmsid_scratch") == []


def test_no_password_in_arguments_files_or_messages(registry: Registry, tmp_path: Path) -> None:
    password = registry.server.passwords[OWNER]
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            for process in psutil.process_iter(["cmdline"]):
                seen.update(process.info["cmdline"] or ())

    # Each program stays long enough to be seen, however seldom the watcher gets to look.
    script = 'sleep 1; exec "$REAL" "$@"'
    slow = wrapped_tools(registry.server, tmp_path / "tools", script, "pg_dump", "pg_restore")
    watcher = threading.Thread(target=watch)
    watcher.start()
    environment = {**_environment(registry), "PATH": slow}
    try:
        taken = cmsid("backup", "--verify", "--directory", str(tmp_path), environment=environment)
        restored = cmsid("restore", "--yes", "--directory", str(tmp_path), environment=environment)
    finally:
        over.set()
        watcher.join()
        drop_all(registry.server, "registry__")
    assert taken.returncode == 0, taken.stderr
    assert restored.returncode == 0, restored.stderr
    assert f"SELECT COUNT(*) FROM students: {registry.counts['students']}" in restored.stdout
    assert any("pg_dump" in argument for argument in seen)
    assert any("pg_restore" in argument for argument in seen)
    texts = [
        *seen,
        taken.stdout,
        taken.stderr,
        restored.stdout,
        restored.stderr,
        registry.server.log.read_text(errors="replace"),
    ]
    texts += [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert not [text for text in texts if password in text]


# ---- prune


@pytest.mark.thorough
def test_prune_counts_whole_verified_backups_only_and_keeps_what_is_in_use(
    registry: Registry, connection: Connection, tmp_path: Path
) -> None:
    oldest = take_backup(connection, directory=tmp_path, verify=True)
    second = take_backup(connection, directory=tmp_path, verify=True)
    unverified = take_backup(connection, directory=tmp_path)
    newest = take_backup(connection, directory=tmp_path, verify=True)

    def gone(keep: int) -> list[str]:
        return [path.name for path in prune.plan(connection, keep=keep, directory=tmp_path).removed]

    assert gone(3) == []
    assert gone(2) == [oldest.backup_id]
    assert gone(1) == [unverified.backup_id, second.backup_id, oldest.backup_id]
    registry.execute(
        "insert into cms_id_audit.migrations (migration_id, table_name, schema_name, relation_name, mode, state,"
        " constraint_name, backup_id) values (1, 'schools', 'public', 'schools', 'online', 'marked', 'x', %s)",
        [oldest.backup_id],
    )
    assert gone(1) == [unverified.backup_id, second.backup_id]
    registry.execute("update cms_id_audit.migrations set state = 'done'")
    flip_a_byte(newest.folder)
    assert gone(1) == [oldest.backup_id]
    prune.carry_out(connection, prune.plan(connection, keep=1, directory=tmp_path))
    assert not oldest.folder.exists()
    assert registry.value(
        f"select pruned_at is not null from {AUDIT_SCHEMA}.backups where backup_id = %s", [oldest.backup_id]
    )
    assert registry.value(f"select count(*) from {AUDIT_SCHEMA}.backups where pruned_at is null") == 3
    shown = cmsid("backups", "--directory", str(tmp_path), environment=_environment(registry))
    assert shown.returncode == 0, shown.stderr
    assert f"{second.backup_id}  verified" in shown.stdout
    assert f"{unverified.backup_id}  not verified" in shown.stdout


def _environment(registry: Registry) -> dict[str, str]:
    return {**os.environ, **registry.environment, "DBT_PROFILES_DIR": str(registry.profiles_dir), "CMSID_NO_VENV": "1"}
