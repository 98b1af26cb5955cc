"""The journal of a restore, a private file that says what is done, and what it tells afterwards.

A step is written once it is done, so that no crash leaves a riddle. The server decides which database has which name; the
journal says which names and numbers to look for. Whose a database is that a restore has left is told by the journal, with
the live database's whole name, never by a name: those of two databases may be cut to the same.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from psycopg import sql

from driver.backup import Progress, files, manifest, silent, store, swap
from driver.backup.catalogue import Findings
from driver.backup.session import Session, elsewhere, one_value, system_identifier
from driver.errors import Problem
from driver.wording import size

if TYPE_CHECKING:
    from driver.profile import Connection

NAME = "restore.journal"
WHAT = "The journal of a restore"
DAMAGED = (
    "nothing was touched; move it away, and `scripts/cmsid status` names the databases that the restore has left"
    " (one that is closed is opened by `alter database ... allow_connections true`)"
)
LOCK = "restore.lock"
HISTORY = "restores"
RANDOM_END = re.compile(r"Z_[0-9a-f]{8}$")
NAMES = rf"^.*({swap.REPLACED}|{swap.RESTORING})(\d{{8}}T\d{{6}}Z(?:_[0-9a-f]{{8}})?)$"

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
    def interruption(self) -> str:
        """In words, where it was interrupted."""
        return f"A restore of {self.backup_id} was interrupted after the step `{self.steps[-1][0]}`"

    def has(self, step: str) -> bool:
        """Whether a step is done."""
        return any(done == step for done, _ in self.steps)

    def is_of(self, database: str, server: str) -> bool:
        """Whether it is a restore of this database: one folder may serve several servers, or names that differ in case."""
        return self.database == database and (not (self.server and server) or self.server == server)


@dataclass
class Work:
    """A restore at work: of the live database, by a session on its server in a database that is not renamed.

    Attributes:
        folder: the folder of the database's backups, where the journal is kept.
        journal: what is done so far, and which databases it is about.
        found: how what was restored compares with the backup, once it is compared.
        left: statements that a superuser has to run, each with the reason.
    """

    connection: Connection
    control: Session
    folder: Path
    journal: Journal
    jobs: int = 1
    progress: Progress = silent
    found: Findings = field(default_factory=lambda: Findings([], []))
    left: list[str] = field(default_factory=list)

    def done(self, step: str, side_oid: int | None = None) -> None:
        """Write down that a step is done, and the number of the side database, once it has one."""
        steps = [*self.journal.steps, [step, store.now().isoformat()]]
        number = self.journal.side_oid if side_oid is None else side_oid
        self.journal = replace(self.journal, steps=steps, side_oid=number)
        manifest.write_checked(self.folder / NAME, asdict(self.journal))

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

    def finish(self, session: Session, backup: store.Backup | None) -> Restored:
        """Count the students in the restored database, as the written procedure asks, and put the journal away."""
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


def unfinished(folder: Path) -> Journal | None:
    """The restore that was begun and not finished; None if there is none.

    Raises:
        Problem: its journal is damaged.
    """
    path = folder / NAME
    return manifest.read_checked(path, WHAT, Journal, DAMAGED) if path.exists() else None


def records(root: Path) -> list[Journal]:
    """The restores that a folder of all backups knows of, whichever database they were of, oldest first."""
    found = []
    for path in [*root.glob(f"*/{HISTORY}/*.json"), *root.glob(f"*/{NAME}")]:
        # One that cannot be read is no record: what it would tell of is of unknown origin.
        with contextlib.suppress(Problem):
            found.append(manifest.read_checked(path, WHAT, Journal))
    return sorted(found, key=lambda made: made.restore_id)


@dataclass(frozen=True)
class Situation:
    """What there is to be told of restores.

    Attributes:
        lines: an interrupted restore with what to do about it, and databases that restores replaced.
        interrupted: whether a restore was.
        problem: why the server could not be asked; empty if it was.
    """

    lines: list[str]
    interrupted: bool
    problem: str = ""


def describe(connection: Connection, directory: Path | None = None) -> list[str]:
    """What there is to be told of restores, in lines; none if there is nothing."""
    found = look(connection, directory)
    return [*found.lines, *filter(None, [found.problem])]


def look(connection: Connection, directory: Path | None = None) -> Situation:
    """The same, with whether the server could be asked."""
    folder = store.folder_of(connection, directory)
    lines = []
    try:
        open_journal = unfinished(folder)
    except Problem as problem:
        return Situation([problem.format_message()], interrupted=True)
    try:
        with elsewhere(connection, connection.dbname) as control:
            if open_journal and not open_journal.is_of(connection.dbname, system_identifier(control)):
                lines.append(
                    f"{folder} has the journal of a restore of {open_journal.database}, on another server or with its name"
                    " spelt so; it is not this database's."
                )
            elif open_journal:
                lines += _interrupted(Work(connection, control, folder, open_journal))
            lines += [
                _left(copy, connection.dbname)
                for copy in copies(control, connection, directory)
                if copy.database in ("", connection.dbname)
            ]
            for name, count in swap.left_over(control, connection.dbname):
                lines.append(
                    f"{name} ({size(count)}) is left over from a test restore: `scripts/cmsid prune` drops it."
                )
    except Problem as problem:
        if open_journal:
            lines.append(f"{open_journal.interruption}.")
        return Situation(lines, open_journal is not None, problem.format_message())
    return Situation(lines, open_journal is not None)


def _left(copy: Copy, database: str) -> str:
    name, force = quote(copy.name), "" if copy.own else " --force"
    told = f"{copy.name} ({size(copy.size)}) was replaced by a restore:"
    if not copy.own:
        told = (
            f"{copy.name} ({size(copy.size)}) is of unknown origin: no record here says that it belongs to the"
            f" database {database} of now. If it does,"
        )
    back = f" `scripts/cmsid restore --put-back {name}{force}` puts it back," if copy.replaced else ""
    drop = f"prune --replaced {name}{force}" if force else "prune --replaced"
    return f"{told}{back} `scripts/cmsid {drop}` drops it."


def _interrupted(work: Work) -> list[str]:
    made = work.journal
    found = swap.databases(work.control, [made.database, made.side_name])
    interrupted, live = f"{made.interruption} (process {made.process}).", found.get(made.database)
    if made.mode == IN_PLACE:
        return [
            interrupted,
            f"It works within {made.database}, in one transaction: either all of it is done or none.",
            f"What it replaces is also in the backup {made.safety_backup}.",
            "`scripts/cmsid restore` finds out which, and goes on if it is not done.",
        ]
    if work.is_swapped:
        return [
            interrupted,
            f"{made.database} is the restored database already; the original data is in {made.replaced_name}.",
            "`scripts/cmsid restore` finishes: it lists the backup again and counts.",
        ]
    if live is None:
        original = f"There is no database {made.database}; there was none when the restore began."
    else:
        state = "and open" if live.open else "but is closed to connections"
        original = f"{made.database} holds the original data, unchanged{',' * (not live.open)} {state}."
    copy = [f"{made.side_name} is the restored copy, not in use."] if made.side_name in found else []
    return [
        interrupted,
        original,
        *(copy if made.mode == BESIDE else []),
        "`scripts/cmsid restore` goes on; `scripts/cmsid restore --abandon` goes back to the original, open again.",
    ]


@dataclass(frozen=True)
class Copy:
    """A database that a restore has left: one that it replaced, or a half-restored one.

    Attributes:
        name: its name.
        size: its size in bytes; 0 where that is not to be known.
        replaced: whether it once was live; a half-restored one never was.
        database: the database that the record says it was replaced as; empty without a record.
        own: whether the record says that the live database, or the lack of one, came of it.
    """

    name: str
    size: int
    replaced: bool
    database: str
    own: bool

    @property
    def remark(self) -> str:
        """What a person has to know before it is dropped."""
        return size(self.size) + ("" if self.own else "  of unknown origin")


def copies(control: Session, connection: Connection, directory: Path | None = None) -> list[Copy]:
    """The databases that restores have left, oldest first: of this database, of unknown origin, and of others.

    Without a record in this folder of backups only those count whose names could have been made of this database's.
    """
    server, live = system_identifier(control), swap.database(control, connection.dbname)
    known = [made for made in records(directory or store.default_folder()) if made.is_of(made.database, server)]
    rows = control.execute(
        "select datname::text, oid::bigint, case when has_database_privilege(oid, 'CONNECT') then pg_database_size(oid)"
        " else 0 end, m[1], m[2] from pg_catalog.pg_database cross join lateral regexp_match(datname, %s) as m"
        " where m is not null order by m[2], datname",
        [NAMES],
    )
    found = []
    for name, oid, held, suffix, stamp in rows:
        if any((made.side_name, made.side_oid) == (name, oid) and not made.has(DONE) for made in known):
            continue  # at work, or interrupted
        record = next((made for made in known if (made.replaced_name, made.live_oid) == (name, oid)), None)
        if record:
            own = record.database == connection.dbname and (live is None or live.oid in _successors(record, known))
            found.append(Copy(name, held, replaced=True, database=record.database, own=own))
        elif name in _possible(connection.dbname, suffix, stamp):
            found.append(Copy(name, held, replaced=suffix == swap.REPLACED, database="", own=False))
    return found


def choose(found: Sequence[Copy], connection: Connection, name: str, *, force: bool, replaced: bool = True) -> Copy:
    """The copy somebody names, if it is the live database's own, or of unknown origin and they insist by `force`."""
    own = [copy.name for copy in found if copy.own]
    chosen = next((copy for copy in found if copy.name == name and (copy.replaced or not replaced)), None)
    if chosen is None:
        raise Problem(
            f"{name} is no database that a restore replaced",
            do=f"name one of: {', '.join(own)}" if own else "there is none; `scripts/cmsid backups` lists the backups",
        )
    if chosen.database not in ("", connection.dbname):
        raise Problem(
            f"{name} is what a restore of {chosen.database} replaced, not one of {connection.dbname}",
            do=f"nothing was touched; connect to {chosen.database} if that is what you want",
        )
    if not (chosen.own or force):
        raise Problem(
            f"{name} is of unknown origin: no record here says that it belongs to the database {connection.dbname} of now",
            do="nothing was touched; look into it, and add --force if it does",
        )
    return chosen


def _successors(record: Journal, known: Sequence[Journal]) -> set[int]:
    """The numbers of the databases that took a replaced one's place, one after the other."""
    numbers, newest = {record.side_oid}, record.side_oid
    for made in known[known.index(record) :]:
        ended = made.has(SWAPPED) or made.has(DONE)
        if ended and (made.database, made.live_oid) == (record.database, newest):
            newest = made.side_oid
            numbers.add(newest)
    return numbers


def _possible(database: str, suffix: str, stamp: str) -> tuple[str, str]:
    """The names that a restore of a database makes, and those that it made when they were only cut."""
    room = swap.LONGEST_NAME - len(suffix) - len(stamp)
    cut = database.encode()[:room].decode(errors="ignore") + suffix + stamp
    return swap.derived_name(database, suffix, stamp), cut
