"""Removes old backups and databases that restores replaced. Never by itself: it is a command of its own."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from driver.backup import journal, listing, manifest, store, swap
from driver.backup.journal import Copy, choose, copies
from driver.backup.session import elsewhere, pinned, system_identifier
from driver.errors import Problem

if TYPE_CHECKING:
    from driver.profile import Connection


@dataclass(frozen=True)
class Decision:
    """What is to become of a backup, a folder or a database.

    Attributes:
        name: its name.
        goes: whether it is removed.
        remark: why, or what a person has to know of it.
    """

    name: str
    goes: bool
    remark: str = ""


@dataclass(frozen=True)
class Pruned:
    """What `cmsid prune` removes.

    Attributes:
        decisions: what stays and what goes.
        done: whether it is gone; without --yes it is not.
        next_command: removes it; None if it is gone, or if there is nothing to remove.
    """

    decisions: list[Decision]
    done: bool
    next_command: str | None


@dataclass(frozen=True)
class Plan:
    """What a removal is about to do.

    Attributes:
        decisions: all of it, one by one.
        removed: the folders of the backups that go.
        left_over: folders of interrupted work that go.
        scratch: databases that go: copies of test restores that nobody guards any more.
    """

    decisions: list[Decision]
    removed: list[Path]
    left_over: list[Path]
    scratch: list[str]


def plan(connection: Connection, *, keep: int = 3, directory: Path | None = None) -> Plan:
    """Decide which backups may go: those older than the newest `keep` that are verified and whole.

    Only backups that were restored on trial count, and their files are read again: one that was damaged since does not
    stand in for a good one. The backup behind an open migration stays, and so does that of an interrupted restore. One
    folder may serve two servers, or names that differ in case: what is not known to be this database's stays, too.

    Raises:
        Problem: there is no such folder, or the database cannot be asked which backups are in use.
    """
    if directory is not None and not directory.is_dir():
        raise Problem(
            "There is no such folder of backups", where=str(directory), do="name the one they were written to"
        )
    folder = store.folder_of(connection, directory)
    with pinned(connection) as session:
        uses = listing.uses(session, connection.audit_schema)
        server, listed = system_identifier(session), listing.listed(session, connection.audit_schema)
        left = [name for name, _ in swap.left_over(session, connection.dbname)]
    held = {backup_id: f"behind {use}" for backup_id, use in uses.items() if use.startswith("open ")}
    if unfinished := journal.unfinished(folder):
        held |= dict.fromkeys((unfinished.backup_id, unfinished.safety_backup), "of an interrupted restore")
    kept: list[Decision] = []
    removed: list[Path] = []
    good = 0
    for backup in store.all_backups(folder):
        others = _of_others(backup, connection.dbname, server, listed)
        use = held.get(backup.backup_id) or others
        if not use and good >= max(keep, 1):
            removed.append(backup.folder)
            continue
        state = others or _state(backup)
        good += state == "verified"
        kept.append(Decision(backup.backup_id, goes=False, remark=use or state))
    partial = store.partial_folders(folder)
    gone = [(path.name, "") for path in removed]
    gone += [(path.name, "left over from interrupted work") for path in partial]
    gone += [(name, "a copy left over from a test restore") for name in left]
    return Plan([*kept, *(Decision(name, goes=True, remark=why) for name, why in gone)], removed, partial, left)


def carry_out(connection: Connection, decided: Plan) -> None:
    """Remove what the plan says: first from sight, then from the list, then from the disk."""
    gone = [path.name.removeprefix(store.PRUNED_PREFIX) for path in [*decided.removed, *decided.left_over]]
    hidden = [path.rename(path.with_name(store.PRUNED_PREFIX + path.name)) for path in decided.removed]
    with pinned(connection) as session:
        listing.mark_pruned(session, connection.audit_schema, gone)
    for path in [*hidden, *decided.left_over]:
        shutil.rmtree(path)
        store.lock_of(path).unlink(missing_ok=True)
    with pinned(connection) as session:
        for name in decided.scratch:
            swap.drop(session, name)


def plan_replaced(
    connection: Connection, named: Sequence[str] = (), directory: Path | None = None, *, force: bool = False
) -> tuple[list[Copy], list[str]]:
    """The databases that restores have left, this one's and those of unknown origin, and the names of those to drop.

    To be dropped are those named, with `force` also where no record says that they are this database's, or all its own.

    Raises:
        Problem: one is not to be dropped, or a restore is not finished.
    """
    unfinished = journal.unfinished(store.folder_of(connection, directory))
    if unfinished:
        raise Problem(
            f"A restore of {unfinished.backup_id} is not finished", do="finish it with `scripts/cmsid restore` first"
        )
    with elsewhere(connection, connection.dbname) as control:
        found = copies(control, connection, directory)
        is_live = connection.dbname in swap.databases(control, [connection.dbname])
    for name in named:
        choose(found, connection, name, force=force, replaced=False)
    chosen = list(named) or [copy.name for copy in found if copy.own]
    if chosen and not (force or is_live):
        raise Problem(
            f"There is no database {connection.dbname} now, and what restores replaced may be all there is of it",
            do="put it back with `scripts/cmsid restore --put-back`, or name each to drop and add --force",
        )
    return [copy for copy in found if copy.database in ("", connection.dbname)], chosen


def drop_replaced(
    connection: Connection, names: Sequence[str], directory: Path | None = None, *, force: bool = False
) -> None:
    """Drop databases that restores have left."""
    plan_replaced(connection, names, directory, force=force)
    with elsewhere(connection, connection.dbname, *names) as control:
        for name in names:
            present = swap.sessions(control, name)
            if present:
                raise Problem(f"{name} is in use by {present[0].told}", do="end that session, then run this again")
            swap.drop(control, name, end_sessions=False)


def _of_others(backup: store.Backup | store.Damaged, database: str, server: str, listed: Collection[str]) -> str:
    """Whose backup it is, if it is not known to be this database's; empty if it is."""
    if isinstance(backup, store.Damaged):
        # Whose it is its manifest no longer says, but the database it was taken of does.
        return "" if backup.backup_id in listed else f"not listed in {database}; damaged: {backup.shortcoming}"
    if backup.manifest.database != database:
        return f"of the database {backup.manifest.database}"
    if server and backup.manifest.system_identifier not in ("", server):
        return "of a database of another server"
    return ""


def _state(backup: store.Backup | store.Damaged) -> str:
    if isinstance(backup, store.Damaged):
        return f"damaged: {backup.shortcoming}"
    if not backup.verification:
        return "not verified"
    try:
        manifest.check_files(backup.folder, backup.manifest)
    except Problem as problem:
        return f"damaged: {problem.what}"
    return "verified"
