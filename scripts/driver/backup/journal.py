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
from typing import TYPE_CHECKING, Any

from psycopg import sql

from driver.backup import files, manifest, store, swap
from driver.backup.catalogue import Findings
from driver.backup.session import one_value
from driver.errors import Problem

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from driver.backup.archive import Progress
    from driver.backup.store import Backup
    from driver.profile import Connection

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
    process: str = field(default_factory=lambda: f"{os.getpid()} on {socket.gethostname()}")
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


@dataclass
class Work:
    """A restore at work.

    Attributes:
        connection: the live database.
        control: a session on its server, in a database that is not renamed.
        folder: the folder of the database's backups, where the journal is kept.
        journal: what is done so far, and which databases it is about.
        jobs: parallel workers.
        progress: called with a step's name, how much of it is done, how much there is.
        found: how what was restored compares with the backup, once it is compared.
        left: statements that a superuser has to run, each with the reason.
    """

    connection: Connection
    control: psycopg.Connection[Any]
    folder: Path
    journal: Journal
    jobs: int = 1
    progress: Progress | None = None
    found: Findings = field(default_factory=lambda: Findings([], []))
    left: list[str] = field(default_factory=list)

    def done(self, step: str, side_oid: int | None = None) -> None:
        """Write down a step."""
        self.journal = record(self.folder, self.journal, step, side_oid)

    def end(self, step: str) -> None:
        """Write down the end, and put the journal away."""
        self.done(step)
        history = self.folder / HISTORY
        files.make_private_folder(history)
        (self.folder / NAME).replace(history / f"{self.journal.restore_id}.json")
        files.sync(history)
        files.sync(self.folder)

    @property
    def side(self) -> swap.Database | None:
        """The database that takes the live one's place, if it exists; one of that name that somebody else made is not it.

        A crash may come between making it and writing its number down; but nobody else makes a name with our random end.
        """
        made = self.journal
        side = swap.database(self.control, made.side_name)
        is_ours = side and (side.oid == made.side_oid or (not made.side_oid and RANDOM_END.search(made.side_name)))
        return side if is_ours else None

    @property
    def is_swapped(self) -> bool:
        """Whether that database already has the live one's name."""
        made = self.journal
        return bool(made.side_oid and swap.database(self.control, made.database, made.side_oid))

    @property
    def replaced(self) -> str:
        """The name of the database that was replaced; empty if there was none."""
        name = self.journal.replaced_name
        return name if name and swap.database(self.control, name, self.journal.live_oid) else ""

    def finish(self, session: psycopg.Connection[Any], backup: Backup | None) -> Restored:
        """Count the students, as the written procedure asks, and put the journal away; the session is on what was restored."""
        made, replaced = self.journal, self.replaced
        schema = one_value(
            session,
            "select n.nspname::text from pg_catalog.pg_class as c"
            " inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid"
            " where c.relname = 'students' and c.relkind in ('r', 'p') and n.nspname !~ '^pg_'"
            " order by n.nspname <> 'public' limit 1",
        )
        count = schema and sql.SQL("select count(*) from {}").format(sql.Identifier(schema, "students"))
        students = one_value(session, count) if count else None
        self.end(DONE)
        tables = len(backup.manifest.tables) if backup else 0
        return Restored(
            made.backup_id, made.database, students, replaced, made.safety_backup, tables, self.left, self.found.apart
        )


@dataclass(frozen=True)
class Restored:
    """What came of a restore.

    Attributes:
        backup_id: the backup that is live now.
        database: under which name.
        students: the rows of the students table; None if there is no such table.
        replaced: the name of the database that was replaced; empty if there was none or it was restored in place.
        safety_backup: in place: the backup of what was replaced.
        tables: how many tables were compared.
        left: statements that a superuser has to run, each with the reason.
        apart: what no restore brings back, in words.
    """

    backup_id: str
    database: str
    students: int | None
    replaced: str
    safety_backup: str
    tables: int
    left: list[str]
    apart: list[str]


def record(folder: Path, journal: Journal, step: str, side_oid: int | None = None) -> Journal:
    """Write down that a step is done, and the number of the side database, once it has one."""
    written = replace(
        journal,
        steps=[*journal.steps, [step, store.now().isoformat()]],
        side_oid=journal.side_oid if side_oid is None else side_oid,
    )
    manifest.write_checked(folder / NAME, asdict(written))
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
