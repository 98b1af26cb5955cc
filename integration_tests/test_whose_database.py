"""A database that a restore has left belongs to the one it was of, and a backup to its own: told by records."""

from __future__ import annotations

import contextlib
import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest

from driver.backup import journal, manifest, prune, restore, store, swap
from driver.backup.take import take_backup
from driver.errors import Problem
from support.backups import cmsid, connection_of, databases, drop_all
from support.registry import OWNER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from driver.embedded_server import EmbeddedServer
    from driver.profile import Connection

ALIKE = [
    pytest.param(
        "university_registry_student_records_staging", "university_registry_student_records_production", id="36"
    ),
    pytest.param(f"{'r' * 62}a", f"{'r' * 62}b", id="62", marks=pytest.mark.thorough),
    pytest.param("ü" * 30 + "a", "ü" * 31, id="bytes", marks=pytest.mark.thorough),
    pytest.param("Registry_of_names", "registry_of_names", id="case", marks=pytest.mark.thorough),
]


@pytest.fixture
def make(server: EmbeddedServer) -> Iterator[Callable[[str], Connection]]:
    """Makes small databases that know their own names."""
    made: list[str] = []

    def one(name: str) -> Connection:
        server.create_database(name, OWNER)
        made.append(name)
        with server.connect(name, OWNER) as session:
            session.execute("create table whose as select current_database()::text as name")
        return connection_of(server, name)

    yield one
    for name in made:
        drop_all(server, name[:15])


def _holds(connection: Connection) -> str:
    with connection.connect() as session:
        row = session.execute("select name from whose").fetchone()
    assert row
    return str(row[0])


def _restored(connection: Connection, folder: Path) -> str:
    """Back it up and restore it: the name of what was replaced."""
    return restore.restore(connection, take_backup(connection, directory=folder), directory=folder).replaced


def _forget(folder: Path) -> None:
    """Lose the records of restores."""
    for path in folder.glob("*/restores/*.json"):
        path.unlink()


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_of_two_names_that_begin_alike_neither_is_shown_put_back_or_dropped_as_the_other(
    one: str, other: str, make: Callable[[str], Connection], server: EmbeddedServer, tmp_path: Path
) -> None:
    mine, theirs = make(one), make(other)
    kept, foreign = _restored(mine, tmp_path), _restored(theirs, tmp_path)
    told = " ".join(journal.describe(mine, tmp_path))
    assert kept in told
    assert foreign not in told
    for force in (False, True):
        with pytest.raises(Problem, match=f"{foreign} is what a restore of {other} replaced, not one of {one}"):
            restore.put_back(mine, foreign, force=force, directory=tmp_path)
        with pytest.raises(Problem, match=f"connect to {other}"):
            prune.drop_replaced(mine, [foreign], tmp_path, force=force)
    found, chosen = prune.plan_replaced(mine, (), tmp_path)
    assert [copy.name for copy in found] == chosen == [kept]
    prune.drop_replaced(mine, chosen, tmp_path)
    assert databases(server, kept) == []
    assert _holds(theirs.to_database(foreign)) == other
    restore.put_back(theirs, foreign, directory=tmp_path)
    assert (_holds(mine), _holds(theirs)) == (one, other)


@pytest.mark.thorough
def test_a_copy_without_a_record_is_of_unknown_origin(
    make: Callable[[str], Connection], server: EmbeddedServer, tmp_path: Path
) -> None:
    one, other = ALIKE[0].values
    mine, theirs = make(str(one)), make(str(other))
    # As it was made when names were only cut: it could be of either.
    stamp = "20260101T000000Z"
    foreign = f"{str(other)[:36]}{swap.REPLACED}{stamp}"
    server.create_database(foreign, OWNER, str(other))
    environment = {
        "PGHOST": server.host,
        "PGPORT": str(server.port),
        "PGUSER": OWNER,
        "PGPASSWORD": server.passwords[OWNER],
        "PGDATABASE": str(one),
        "CMSID_BACKUPS": str(tmp_path),
    }
    for connection in (mine, theirs):
        (line,) = journal.describe(connection, tmp_path)
        assert f"{foreign} (" in line
        assert "of unknown origin" in line
        assert f"--put-back {foreign} --force" in line
        assert prune.plan_replaced(connection, (), tmp_path)[1] == []
    pruned = cmsid("prune", "--replaced", "--yes", environment=environment)
    assert (pruned.returncode, pruned.stderr) == (0, "")
    assert f"stays  {foreign}" in pruned.stdout
    for command in (("prune", "--replaced", foreign), ("restore", "--put-back", foreign)):
        refused = cmsid(*command, "--yes", environment=environment)
        assert refused.returncode == 1
        assert f"{foreign} is of unknown origin" in refused.stderr
    wrong = cmsid("prune", "--force", "--yes", environment=environment)
    assert wrong.returncode == 2
    assert "goes with the name of a DATABASE" in wrong.stderr
    restore.put_back(theirs, foreign, force=True, directory=tmp_path)
    assert databases(server, foreign) == []
    (kept,) = prune.plan_replaced(theirs, (), tmp_path)[1]
    _forget(tmp_path)
    prune.drop_replaced(theirs, [kept], tmp_path, force=True)
    assert databases(server, kept) == []


def test_a_database_made_anew_is_not_the_one_of_the_record(
    make: Callable[[str], Connection], server: EmbeddedServer, tmp_path: Path
) -> None:
    mine = make("made_anew_now")
    first, second = _restored(mine, tmp_path), _restored(mine, tmp_path)
    assert prune.plan_replaced(mine, (), tmp_path)[1] == [first, second]
    # The copy, under its name.
    server.drop_database(first)
    server.create_database(first, OWNER)
    assert prune.plan_replaced(mine, (), tmp_path)[1] == [second]
    # The live one: none, and then another.
    with server.connect() as session:
        session.execute("alter database made_anew_now rename to made_anew_before")
    with pytest.raises(Problem, match="may be all there is of it"):
        prune.plan_replaced(mine, (), tmp_path)
    restore.check_put_back(mine, second, directory=tmp_path)
    server.create_database("made_anew_now", OWNER)
    assert prune.plan_replaced(mine, (), tmp_path)[1] == []
    with pytest.raises(Problem, match=f"{second} is of unknown origin"):
        restore.put_back(mine, second, directory=tmp_path)
    # The one that went away by renaming, back again.
    server.drop_database("made_anew_now")
    with server.connect() as session:
        session.execute("alter database made_anew_before rename to made_anew_now")
    assert prune.plan_replaced(mine, (), tmp_path)[1] == [second]


@pytest.mark.parametrize("end", ["on", "back"])
def test_what_has_the_name_of_the_copy_and_is_not_it_is_left_alone(
    end: str, make: Callable[[str], Connection], server: EmbeddedServer, tmp_path: Path
) -> None:
    mine = make("side_by_side")
    backup = take_backup(mine, directory=tmp_path)
    folder = store.folder_of(mine, tmp_path)
    # A journal as it once was: without the server's number, and with a name that another restore could have made.
    stamp = "20260101T000000Z"
    with server.connect() as session:
        oid = swap.databases(session, ["side_by_side"])["side_by_side"].oid
    made = journal.Journal(
        restore_id=stamp,
        mode=journal.BESIDE,
        backup_id=backup.backup_id,
        backup_folder=str(backup.folder),
        database="side_by_side",
        live_oid=oid,
        side_name=f"side_by_side{swap.RESTORING}{stamp}",
        side_oid=0,
        replaced_name=f"side_by_side{swap.REPLACED}{stamp}",
        steps=[[journal.BEGUN, "2026-01-01T00:00:00+00:00"]],
    )
    content = asdict(made)
    del content["server"]
    manifest.write_checked(folder / journal.NAME, content)
    server.create_database(made.side_name, OWNER, "side_by_side")
    if end == "on":
        with pytest.raises(Problem, match=f'database "{made.side_name}" already exists'):
            restore.resume(mine, directory=tmp_path)
    else:
        assert "as it was and open" in restore.abandon(mine, directory=tmp_path)
    assert _holds(mine.to_database(made.side_name)) == "side_by_side"
    (line,) = journal.describe(mine, tmp_path)
    assert "of unknown origin" in line
    assert "--put-back" not in line  # it never was live
    prune.drop_replaced(mine, [made.side_name], tmp_path, force=True)
    assert databases(server, made.side_name) == []


def test_a_folder_that_two_servers_share_keeps_them_apart(
    make: Callable[[str], Connection], server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = make("one_folder")
    own = [take_backup(mine, directory=tmp_path, verify=True) for _ in range(2)]
    folder = store.folder_of(mine, tmp_path)
    for backup_id, changes in (
        ("20260101T000000Z-elsewhere", ("one_folder", "1")),
        ("20260102T000000Z-One_folder", ("One_folder", own[0].manifest.system_identifier)),
    ):
        target = folder / backup_id
        target.mkdir()
        replace(own[0].manifest, backup_id=backup_id, database=changes[0], system_identifier=changes[1]).write(target)
    damaged = folder / "20260103T000000Z-one_folder"
    damaged.mkdir()
    decided = prune.plan(mine, keep=1, directory=tmp_path)
    assert [path.name for path in decided.removed] == [own[0].backup_id]
    told = {decision.name: decision.remark for decision in decided.decisions if not decision.goes}
    assert told["20260101T000000Z-elsewhere"] == "of a database of another server"
    assert told["20260102T000000Z-One_folder"] == "of the database One_folder"
    assert told[damaged.name].startswith("not listed in one_folder; damaged")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, contextlib.suppress(KeyboardInterrupt):
        patched.setattr(manifest, "check_files", lambda *_: None)
        patched.setattr("driver.backup.restore.go_back", stop)
        patched.setattr("driver.backup.compare.differences", stop)
        restore.restore(mine, own[1], directory=tmp_path)
    (side,) = databases(server, f"one_folder{swap.RESTORING}")
    path = folder / journal.NAME
    content = manifest.read_checked(path, "", dict[str, str])
    manifest.write_checked(path, {**content, "server": "1"})
    assert any("it is not this database's" in line for line in journal.describe(mine, tmp_path))
    for go in (restore.resume, restore.abandon):
        with pytest.raises(Problem, match="on another server or with its name spelt so"):
            go(mine, directory=tmp_path)
    assert databases(server, side) == [side]
    manifest.write_checked(path, content)
    restore.abandon(mine, directory=tmp_path)
    assert databases(server, side) == []


def test_a_scratch_database_is_swept_by_the_one_it_was_made_for(
    make: Callable[[str], Connection], server: EmbeddedServer
) -> None:
    mine = make("swept_here")
    end = "20260101t000000z_0123abcd"
    now = f"{swap._prefix(mine.dbname)}{end}"
    assert len(now) <= swap.LONGEST_NAME
    once, others = (f"{swap._prefix(mine.dbname, swap.SHORT_HASH)}{end[:-1]}{number}" for number in (1, 2))
    for name, of in ((now, ""), (once, "swept_here"), (others, "another whose name has the same short hash")):
        server.create_database(name, OWNER)
        if of:
            with server.connect(name, OWNER) as session:
                session.execute(f"comment on database {name} is '{swap.COMMENT.format(of)}'")
    try:
        with mine.connect() as session:
            assert [name for name, _ in swap.left_over(session, mine.dbname)] == sorted([now, once])
            assert swap.left_over(session, "Swept_here") == []
            assert sorted(swap.sweep(session, mine.dbname)) == sorted([now, once])
        assert databases(server, "cmsid_scratch_") == [others]
    finally:
        drop_all(server, "cmsid_scratch_")


def test_a_name_that_has_to_be_cut_tells_its_database_by_a_hash() -> None:
    names = ["a" * 36, "a" * 37, "a" * 38, "ä" * 31]
    made = [swap.derived_name(name, swap.REPLACED, "20260101T000000Z") for name in names]
    assert made[0] == f"{'a' * 36}__replaced_20260101T000000Z"
    assert len(set(made)) == 4
    assert all(len(name.encode()) <= swap.LONGEST_NAME for name in made)
    assert all(re.fullmatch(r".*_[0-9a-f]{8}__replaced_20260101T000000Z", name) for name in made[1:])
