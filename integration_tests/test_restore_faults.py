"""Killed at any step, the original data is reachable under a known name, and what `status` says to do ends well."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from driver import sample_registry
from driver.backup import in_place as inside
from driver.backup import journal, restore, store
from driver.backup.take import take_backup
from driver.embedded_server import EmbeddedServer
from driver.errors import Problem
from support.backups import connection_of, databases, drop_all, faulty_restore, was_killed
from support.registry import OWNER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.profile import Connection
    from support.registry import Registry

STEPS = [
    journal.BEGUN,
    journal.CREATED,
    "loading",
    journal.RESTORED,
    journal.COMPARED,
    journal.CLOSED,
    journal.SWAPPED,
]
DRIVER, PG_RESTORE = 0, -1
CHANGED = "changed since the backup"


def at_steps(*by_default: str) -> list[Any]:
    """The steps as parameters of a test; those that are not named are for --all."""
    return [step if step in by_default else pytest.param(step, marks=pytest.mark.thorough) for step in STEPS]


@pytest.fixture
def connection(registry: Registry, tmp_path: Path) -> Iterator[Connection]:
    """A registry with a backup, and one row changed since."""
    found = connection_of(registry.server)
    take_backup(found, directory=tmp_path)
    registry.execute(f"update terms set name = '{CHANGED}'")
    yield found
    drop_all(registry.server, "registry__")


def _holds_original(connection: Connection) -> bool:
    """Whether this database is the one that was live, with the rows it had."""
    with connection.connect() as session:
        row = session.execute(
            "select (select count(*) from terms where name = %s), (select count(*) from students)", [CHANGED]
        ).fetchone()
    assert row is not None
    assert row[1] > 0
    return bool(row[0])


def _unfinished(connection: Connection, directory: Path) -> journal.Journal:
    found = journal.unfinished(store.folder_of(connection, directory))
    assert found is not None
    return found


def _check_what_status_says(connection: Connection, directory: Path) -> None:
    """The lines name the database in which the original data is, and what to do."""
    made = _unfinished(connection, directory)
    text = "\n".join(journal.describe(connection, directory))
    assert made.interruption in text
    assert "scripts/cmsid restore" in text
    if made.has(journal.SWAPPED):
        assert f"the original data is in {made.replaced_name}" in text
        assert _holds_original(connection.to_database(made.replaced_name))
    elif made.has(journal.CLOSED):
        assert "closed to connections" in text
    else:
        assert f"{made.database} holds the original data, unchanged and open" in text
        assert _holds_original(connection)


@pytest.mark.parametrize("step", at_steps(journal.CLOSED))
def test_a_driver_killed_at_a_step_and_then_gone_on(step: str, connection: Connection, tmp_path: Path) -> None:
    killed = faulty_restore(connection, tmp_path, step, DRIVER)
    assert was_killed(killed), killed.stderr
    _check_what_status_says(connection, tmp_path)
    with pytest.raises(Problem, match="interrupted after the step"):
        restore.restore(connection, store.find(connection, None, tmp_path), directory=tmp_path)

    restored = restore.resume(connection, directory=tmp_path)

    assert not _holds_original(connection)
    assert _holds_original(connection.to_database(restored.replaced))
    with connection.connect() as session:
        server_databases = session.execute(
            "select datname from pg_database where datname like 'registry\\_\\_%'"
        ).fetchall()
    assert server_databases == [(restored.replaced,)]
    assert not any("interrupted" in line for line in journal.describe(connection, tmp_path))


@pytest.mark.parametrize("step", at_steps("loading"))
def test_a_driver_killed_at_a_step_and_then_gone_back(
    step: str, connection: Connection, registry: Registry, tmp_path: Path
) -> None:
    killed = faulty_restore(connection, tmp_path, step, DRIVER)
    assert was_killed(killed), killed.stderr
    if step == journal.SWAPPED:
        with pytest.raises(Problem, match="already live"):
            restore.abandon(connection, directory=tmp_path)
        restored = restore.resume(connection, directory=tmp_path)
        restore.put_back(connection, restored.replaced, directory=tmp_path)
        assert _holds_original(connection)
        return
    said = restore.abandon(connection, directory=tmp_path)
    assert "as it was and open" in said
    assert _holds_original(connection)
    assert databases(registry.server, "registry__") == []
    assert journal.describe(connection, tmp_path) == []


def test_a_journal_that_cannot_be_read_is_moved_away(
    connection: Connection, registry: Registry, tmp_path: Path
) -> None:
    assert was_killed(faulty_restore(connection, tmp_path, journal.CLOSED, DRIVER))
    made, path = _unfinished(connection, tmp_path), store.folder_of(connection, tmp_path) / journal.NAME
    path.write_text(path.read_text()[:-9])
    (told,) = journal.describe(connection, tmp_path)
    for command in (restore.resume, restore.abandon):
        with pytest.raises(Problem) as refused:
            command(connection, directory=tmp_path)
        assert told == refused.value.format_message()
    assert f"{path}): nothing was touched; move it away" in told
    path.rename(tmp_path / "moved away")
    with registry.server.connect() as session:
        session.execute("alter database registry allow_connections true")
    (told,) = journal.describe(connection, tmp_path)
    assert f"`scripts/cmsid prune --replaced {made.side_name} --force` drops it" in told
    assert _holds_original(connection)


def test_pg_restore_killed_undoes_everything(connection: Connection, registry: Registry, tmp_path: Path) -> None:
    failed = faulty_restore(connection, tmp_path, "loading", PG_RESTORE)
    assert failed.returncode == 1, failed.stderr
    assert "does not restore" in failed.stdout
    assert "the live database is as it was" in failed.stdout
    assert _holds_original(connection)
    assert databases(registry.server, "registry__") == []
    assert journal.describe(connection, tmp_path) == []


@pytest.mark.parametrize("when", [pytest.param("before the commit", marks=pytest.mark.thorough), "after the commit"])
def test_a_driver_killed_while_restoring_in_place(
    when: str, connection: Connection, registry: Registry, tmp_path: Path
) -> None:
    step = journal.BEGUN if when == "before the commit" else "committed"
    killed = faulty_restore(connection, tmp_path, step, DRIVER, in_place=True)
    assert was_killed(killed), killed.stderr
    made = _unfinished(connection, tmp_path)
    assert made.safety_backup in "\n".join(journal.describe(connection, tmp_path))
    assert _holds_original(connection) == (when == "before the commit")
    if when == "after the commit":
        with pytest.raises(Problem, match="nothing to give up"):
            restore.abandon(connection, directory=tmp_path)
    restored = restore.resume(connection, directory=tmp_path)
    assert restored.students == registry.counts["students"]
    assert not _holds_original(connection)
    assert journal.describe(connection, tmp_path) == []
    restore.restore(connection, store.find(connection, restored.safety_backup, tmp_path), directory=tmp_path)
    assert _holds_original(connection)


@pytest.fixture(scope="module")
def crash_folder() -> Iterator[Path]:
    """The data of a server that is killed and started again, with a registry and its backup."""
    from conftest import majors

    # Not below pytest's folder, which the account of the server may not enter.
    home = Path(tempfile.mkdtemp(prefix="cmsid-crash-"))
    home.chmod(0o711)
    with EmbeddedServer(home / "server", majors()[-1]) as server:
        server.create_role(OWNER)
        server.create_database("registry", OWNER)
        with server.connect("registry", OWNER) as session:
            sample_registry.load(session, 0.005)
        connection = connection_of(server)
        take_backup(connection, directory=home / "backups")
        with server.connect("registry", OWNER) as session:
            session.execute(f"update terms set name = '{CHANGED}'")
    yield home
    shutil.rmtree(home)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("step", "then"),
    [
        (journal.BEGUN, "on"),
        (journal.CREATED, "back"),
        ("loading", "on"),
        (journal.RESTORED, "on"),
        (journal.COMPARED, "back"),
        (journal.CLOSED, "on"),
        (journal.CLOSED, "back"),
        (journal.SWAPPED, "on"),
    ],
)
def test_the_server_killed_at_a_step(step: str, then: str, crash_folder: Path) -> None:
    from conftest import majors

    directory = crash_folder / "backups"
    with EmbeddedServer(crash_folder / "server", majors()[-1]) as server:
        connection = connection_of(server)
        failed = faulty_restore(connection, directory, step, server.pid)
        assert failed.returncode == 1, failed.stdout + failed.stderr
        assert "scripts/cmsid restore" in failed.stdout
        told = "\n".join(journal.describe(connection, directory))
        assert "interrupted" in told  # even while the server is down
    with EmbeddedServer(crash_folder / "server", majors()[-1]) as server:
        connection = connection_of(server)
        _check_what_status_says(connection, directory)
        if then == "back":
            restore.abandon(connection, directory=directory)
        else:
            restored = restore.resume(connection, directory=directory)
            assert not _holds_original(connection)
            # The next test begins where this one began.
            restore.put_back(connection, restored.replaced, directory=directory)
        assert _holds_original(connection)
        drop_all(server, "registry__")
        assert journal.describe(connection, directory) == []


@pytest.mark.thorough
@pytest.mark.parametrize("in_place", [False, True], ids=["beside", "in place"])
def test_interrupted_right_behind_the_point_of_no_return_it_is_not_called_given_up(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, in_place: bool
) -> None:
    done, replace = journal.Work.done, inside._replace

    def recording(work: journal.Work, step: str, *side_oid: int) -> None:
        if step == journal.SWAPPED:
            raise KeyboardInterrupt
        done(work, step, *side_oid)

    def replacing(*arguments: Any) -> None:
        replace(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(journal.Work, "done", recording)
        patch.setattr(inside, "_replace", replacing)
        backup = store.find(connection, None, tmp_path)
        with pytest.raises(KeyboardInterrupt):
            restore.restore(connection, backup, in_place=in_place, directory=tmp_path)

    assert not _holds_original(connection)
    assert "`scripts/cmsid restore` fin" in "\n".join(journal.describe(connection, tmp_path))
    with pytest.raises(Problem, match="nothing to give up"):
        restore.abandon(connection, directory=tmp_path)
    finished = restore.resume(connection, directory=tmp_path)
    assert finished.backup_id == backup.backup_id
    assert finished.students
    assert journal.unfinished(store.folder_of(connection, tmp_path)) is None
