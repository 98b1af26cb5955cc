"""Removes old backups and databases that restores replaced. Never by itself: it is a command of its own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from driver.backup import journal, listing, manifest, scratch, store, swap
from driver.backup.drop import drop
from driver.backup.session import elsewhere, pinned
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import psycopg

    from driver.profile import Connection

USUAL_KEEP = 3


@dataclass(frozen=True)
class Plan:
    """What a removal is about to do.

    Attributes:
        kept: the backups that stay, each with the reason.
        removed: the backups that go.
        left_over: folders of interrupted work that go.
        scratch: databases that go: copies of test restores that nobody guards any more.
    """

    kept: list[tuple[str, str]]
    removed: list[Path]
    left_over: list[Path]
    scratch: list[str]


def plan(connection: Connection, *, keep: int = USUAL_KEEP, directory: Path | None = None) -> Plan:
    """Decide which backups may go: those older than the newest `keep` that are verified and whole.

    Only backups that were restored on trial count, and their files are read again: one that was damaged since does not
    stand in for a good one. The backup behind an open migration stays, and so does that of an interrupted restore.

    Args:
        connection: the database.
        keep: how many verified backups stay, at least one.
        directory: the folder of all backups.

    Raises:
        Problem: there is no such folder, or the database cannot be asked which backups are in use.
    """
    if directory is not None and not directory.is_dir():
        raise Problem(
            "There is no such folder of backups", where=str(directory), do="name the one they were written to"
        )
    folder = store.folder_of(connection, directory)
    with pinned(connection) as session:
        pinned_ones = _in_use(session, connection, folder)
        copies = [name for name, _ in scratch.left_over(session, connection.dbname)]
    kept: list[tuple[str, str]] = []
    removed: list[Path] = []
    good = 0
    for backup in store.all_backups(folder):
        use = pinned_ones.get(backup.backup_id)
        enough = good >= max(keep, 1)
        if use:
            kept.append((backup.backup_id, use))
        elif enough:
            removed.append(backup.folder)
            continue
        state = _state(backup)
        if state == "verified":
            good += 1
        if not use:
            kept.append((backup.backup_id, state))
    return Plan(kept, removed, store.partial_folders(folder), copies)


def carry_out(connection: Connection, decided: Plan) -> None:
    """Remove what the plan says: first from sight, then from the list, then from the disk."""
    hidden = []
    gone = [path.name.removeprefix(store.PRUNED_PREFIX) for path in [*decided.removed, *decided.left_over]]
    for path in decided.removed:
        target = path.with_name(store.PRUNED_PREFIX + path.name)
        path.rename(target)
        hidden.append(target)
    with pinned(connection) as session:
        listing.mark_pruned(session, connection.audit_schema, gone)
    for path in [*hidden, *decided.left_over]:
        shutil.rmtree(path)
        store.lock_of(path).unlink(missing_ok=True)
    with pinned(connection) as session:
        for name in decided.scratch:
            drop(session, name)


def replaced_databases(connection: Connection) -> list[tuple[str, int]]:
    """The databases that restores replaced, oldest first, with their sizes in bytes."""
    with elsewhere(connection, connection.dbname) as control:
        return swap.derived_databases(control, connection.dbname, swap.REPLACED)


def drop_replaced(connection: Connection, names: Sequence[str], directory: Path | None = None) -> None:
    """Drop databases that restores replaced.

    Raises:
        Problem: one is in use, or a restore is not finished.
    """
    unfinished = journal.unfinished(store.folder_of(connection, directory))
    if unfinished:
        raise Problem(
            f"A restore of {unfinished.backup_id} is not finished", do="finish it with `scripts/cmsid restore` first"
        )
    with elsewhere(connection, connection.dbname, *names) as control:
        for name in names:
            present = swap.sessions(control, name)
            if present:
                raise Problem(
                    f"{name} is in use by {present[0].describe()}", do="end that session, then run this again"
                )
            drop(control, name, end_sessions=False)


def _in_use(session: psycopg.Connection[Any], connection: Connection, folder: Path) -> dict[str, str]:
    uses = listing.uses(session, connection.audit_schema)
    held = {backup_id: f"behind {use}" for backup_id, use in uses.items() if use.startswith("open ")}
    unfinished = journal.unfinished(folder)
    if unfinished:
        held[unfinished.backup_id] = "of an interrupted restore"
        held[unfinished.safety_backup] = "of an interrupted restore"
    return held


def _state(backup: store.Backup | store.Damaged) -> str:
    if isinstance(backup, store.Damaged):
        return f"damaged: {backup.reason}"
    if not backup.verification:
        return "not verified"
    try:
        manifest.check_files(backup.folder, backup.manifest)
    except Problem as problem:
        return f"damaged: {problem.what}"
    return "verified"
