"""The journal of a restore: a private file beside the backups that says what is done, so that no crash leaves a riddle.

A step is written once it is done. What the server says (which database has which name) decides; the journal says which
names and numbers to look for.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from driver.backup import files, manifest, store
from driver.errors import Problem

if TYPE_CHECKING:
    from pathlib import Path

NAME = "restore.journal"
LOCK = "restore.lock"
HISTORY = "restores"
RANDOM_END = re.compile(r"Z_[0-9a-f]{8}$")

BESIDE = "beside"
IN_PLACE = "in place"
BACK = "back"

BEGUN = "begun"
CREATED = "side database created"
RESTORED = "restored"
COMPARED = "compared"
CLOSED = "live database closed"
SWAPPED = "swapped"
DONE = "done"
GIVEN_UP = "given up"


@dataclass(frozen=True)
class Journal:
    """One restore.

    Attributes:
        restore_id: such as 20261123T081500Z.
        mode: `beside`, `in place` or `back` (a replaced database is put back).
        backup_id: the backup; for `back` the name of the database that is put back.
        backup_folder: where the backup is.
        database: the live database's name.
        live_oid: its number in the catalogue when this began; 0 if there was none of that name.
        side_name: the database that takes its place.
        side_oid: that one's number; 0 until it exists.
        replaced_name: what the live database is called afterwards.
        safety_backup: in place: the backup taken of what is replaced.
        process: who works on it: process number and machine.
        server: the system identifier of the server; empty if it could not be read.
        steps: what is done: [step, moment].
    """

    restore_id: str
    mode: str
    backup_id: str
    backup_folder: str
    database: str
    live_oid: int
    side_name: str
    side_oid: int
    replaced_name: str
    safety_backup: str = ""
    process: str = ""
    server: str = ""
    steps: list[list[str]] = field(default_factory=list)

    @property
    def last_step(self) -> str:
        """The last step done."""
        return self.steps[-1][0]

    def has(self, step: str) -> bool:
        """Whether a step is done."""
        return any(done == step for done, _ in self.steps)

    def is_of(self, database: str, server: str) -> bool:
        """Whether it is a restore of this database: one folder may serve several servers, or names that differ in case."""
        return self.database == database and (not (self.server and server) or self.server == server)

    def made_side(self, oid: int) -> bool:
        """Whether the database that has the side one's name was made by this restore.

        A crash may come between making it and writing its number down; but nobody else makes a name with our random end.
        """
        return oid == self.side_oid or (not self.side_oid and bool(RANDOM_END.search(self.side_name)))


def begin(folder: Path, journal: Journal) -> Journal:
    """Write a new journal."""
    return record(folder, replace(journal, process=f"{os.getpid()} on {socket.gethostname()}"), BEGUN)


def record(folder: Path, journal: Journal, step: str, side_oid: int | None = None) -> Journal:
    """Write down that a step is done, and the number of the side database, once it has one."""
    written = replace(
        journal,
        steps=[*journal.steps, [step, store.now().isoformat()]],
        side_oid=journal.side_oid if side_oid is None else side_oid,
    )
    manifest.write_checked(folder / NAME, asdict(written))
    return written


def finish(folder: Path, journal: Journal, step: str) -> Journal:
    """Write down the end and put the journal away."""
    written = record(folder, journal, step)
    history = folder / HISTORY
    files.make_private_folder(history)
    (folder / NAME).replace(history / f"{written.restore_id}.json")
    files.sync_folder(history)
    files.sync_folder(folder)
    return written


def unfinished(folder: Path) -> Journal | None:
    """The restore that was begun and not finished; None if there is none.

    Raises:
        Problem: its journal is damaged.
    """
    path = folder / NAME
    return _read(path) if path.exists() else None


def records(root: Path) -> list[Journal]:
    """The restores that a folder of all backups knows of, whichever database they were of, oldest first."""
    found = []
    for path in [*root.glob(f"*/{HISTORY}/*.json"), *root.glob(f"*/{NAME}")]:
        # One that cannot be read is no record: what it would tell of is of unknown origin.
        with contextlib.suppress(Problem):
            found.append(_read(path))
    return sorted(found, key=lambda made: made.restore_id)


def _read(path: Path) -> Journal:
    try:
        return Journal(**manifest.read_checked(path, "The journal of a restore"))
    except TypeError as error:
        raise Problem("The journal of a restore is damaged", where=str(path), do="move it away") from error
