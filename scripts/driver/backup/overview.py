"""What backups there are, each with what is known of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

import psycopg

from driver.backup import listing, store
from driver.backup.session import pinned
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from driver.profile import Connection


@dataclass(frozen=True)
class ListedBackup:
    """A backup in the folder.

    Attributes:
        backup_id: its name, and its folder's.
        damage: why it cannot be used; empty if it can, as far as names and sizes of its files tell.
        verified_at: when a test restore of it was identical, in UTC; empty if none was, or if it is damaged.
        taken_at: the moment it holds, in UTC; empty if its manifest cannot be read.
        bytes: the size of its dump.
        listed: whether it is listed in the database; None if the database could not be asked.
        purposes: what it was taken for, and the migration it stands behind.
        extent: what is in it, in words; empty if it is damaged.
    """

    backup_id: str
    damage: str
    verified_at: str
    taken_at: str
    bytes: int
    listed: bool | None
    purposes: list[str]
    extent: str

    def lines(self) -> Iterator[str]:
        """What a person reads of it."""
        verdict = f"DAMAGED: {self.damage}" if self.damage else "verified" if self.verified_at else "not verified"
        verdict += ", not listed in the database" if self.listed is False else ""
        yield f"{self.backup_id}  {verdict}" + (f"  for: {'; '.join(self.purposes)}" if self.purposes else "")
        if self.extent:
            yield f"    {self.extent}"


@dataclass(frozen=True)
class Overview:
    """The backups of a database.

    Attributes:
        folder: where they are.
        backups: each of them, the newest first.
        left_over: how many folders interrupted work has left there.
        next_command: takes a verified backup if there is none, else removes what interrupted work has left; None if neither.
    """

    folder: str
    backups: list[ListedBackup]
    left_over: int
    next_command: str | None

    def lines(self) -> Iterator[str]:
        """What a person reads of them."""
        if not self.backups:
            yield f"There is no backup of this database in {self.folder}: take one with `scripts/cmsid backup --verify`."
        for backup in self.backups:
            yield from backup.lines()
        if self.left_over:
            yield f"Left over from interrupted work: {self.left_over} folder(s); `scripts/cmsid prune` removes them."


def look(connection: Connection, directory: Path | None = None) -> Overview:
    """Every backup of a database, which need not answer. Of the files only names and sizes are looked at."""
    uses: dict[str, str] = {}
    listed: set[str] | None = None
    with contextlib.suppress(Problem, psycopg.Error), pinned(connection) as session:
        uses = listing.uses(session, connection.audit_schema)
        listed = listing.listed(session, connection.audit_schema)
    folder = store.folder_of(connection, directory)
    backups = [_known(backup, uses, listed) for backup in store.all_backups(folder)]
    left_over, command = len(store.partial_folders(folder)), None
    if not any(backup.verified_at for backup in backups):
        command = "scripts/cmsid backup --verify"
    elif left_over:
        command = "scripts/cmsid prune"
    if command and directory:
        command += f" --directory {quote(str(directory))}"
    return Overview(str(folder), backups, left_over, command)


def _known(backup: store.Backup | store.Damaged, uses: dict[str, str], listed: set[str] | None) -> ListedBackup:
    name, damage = backup.backup_id, backup.shortcoming
    manifest, verification = (
        (backup.manifest, backup.verification) if isinstance(backup, store.Backup) else (None, None)
    )
    return ListedBackup(
        name,
        damage,
        verification.verified_at if verification and not damage else "",
        manifest.taken_at if manifest else "",
        manifest.bytes if manifest else 0,
        None if listed is None else name in listed,
        [purpose for purpose in (manifest.purpose if manifest else "", uses.get(name, "")) if purpose],
        manifest.extent if manifest and not damage else "",
    )
