"""What stands where after an interrupted restore; which databases restores have left on the server, and whose they are.

That is told by a record, never by a name: by the journal of the restore, with the live database's whole name, and the
numbers of the database that was replaced and of the one that took its place. The names of two databases may begin alike,
and be cut to the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Any

from driver.backup import journal, scratch, store, swap
from driver.backup.session import elsewhere, system_identifier
from driver.errors import Problem
from driver.wording import size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import psycopg

    from driver.backup.journal import Journal
    from driver.profile import Connection

NAMES = rf"^(.*)({swap.REPLACED}|{swap.RESTORING})(\d{{8}}T\d{{6}}Z(?:_[0-9a-f]{{8}})?)$"


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
        unfinished = journal.unfinished(folder)
    except Problem as problem:
        return Situation([problem.format_message()], interrupted=True)
    try:
        with elsewhere(connection, connection.dbname) as control:
            if unfinished and not unfinished.is_of(connection.dbname, system_identifier(control)):
                lines.append(
                    f"{folder} has the journal of a restore of {unfinished.database}, on another server or with its name"
                    " spelt so; it is not this database's."
                )
            elif unfinished:
                lines += _interrupted(journal.Work(connection, control, folder, unfinished))
            lines += [
                _left(copy, connection.dbname)
                for copy in copies(control, connection, directory)
                if copy.database in ("", connection.dbname)
            ]
            for name, count in scratch.left_over(control, connection.dbname):
                lines.append(
                    f"{name} ({size(count)}) is left over from a test restore: `scripts/cmsid prune` drops it."
                )
    except Problem as problem:
        if unfinished:
            lines += [f"A restore of {unfinished.backup_id} was interrupted after the step `{unfinished.last_step}`."]
        return Situation(lines, unfinished is not None, problem.format_message())
    return Situation(lines, unfinished is not None)


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


def _interrupted(work: journal.Work) -> list[str]:
    made = work.journal
    found = swap.databases(work.control, [made.database, made.side_name])
    lines = [
        f"A restore of {made.backup_id} was interrupted after the step `{made.last_step}` (process {made.process})."
    ]
    live = found.get(made.database)
    if made.mode == journal.IN_PLACE:
        lines.append(
            f"It works within {made.database}, in one transaction: either all of it is done or none. What it"
            f" replaces is also in the backup {made.safety_backup}."
        )
        lines.append("`scripts/cmsid restore` finds out which, and goes on if it is not done.")
        return lines
    if work.is_swapped:
        lines.append(f"{made.database} is the restored database already; the original data is in {made.replaced_name}.")
        lines.append("`scripts/cmsid restore` finishes: it lists the backup again and counts.")
        return lines
    if live is None:
        lines.append(f"There is no database {made.database}; there was none when the restore began.")
    elif live.open:
        lines.append(f"{made.database} holds the original data, unchanged and open.")
    else:
        lines.append(f"{made.database} holds the original data, unchanged, but is closed to connections.")
    if made.side_name in found and made.mode == journal.BESIDE:
        lines.append(f"{made.side_name} is the restored copy, not in use.")
    lines.append(
        "`scripts/cmsid restore` goes on; `scripts/cmsid restore --abandon` goes back to the original, open again."
    )
    return lines


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


def copies(control: psycopg.Connection[Any], connection: Connection, directory: Path | None = None) -> list[Copy]:
    """The databases that restores have left, oldest first: of this database, of unknown origin, and of others.

    Without a record in this folder of backups only those count whose names could have been made of this database's.
    """
    server, live = system_identifier(control), swap.database(control, connection.dbname)
    known = [made for made in journal.records(directory or store.default_folder()) if made.is_of(made.database, server)]
    rows = control.execute(
        "select datname::text, oid::bigint, case when has_database_privilege(oid, 'CONNECT') then pg_database_size(oid)"
        " else 0 end from pg_catalog.pg_database where datname ~ %s order by substring(datname, %s), datname",
        [NAMES, r"\d{8}T\d{6}Z"],
    ).fetchall()
    found = []
    for name, oid, held in rows:
        suffix, stamp = re.fullmatch(NAMES, name, re.DOTALL).group(2, 3)  # type: ignore[union-attr]
        if any((made.side_name, made.side_oid) == (name, oid) and not made.has(journal.DONE) for made in known):
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
        if (
            made.database == record.database
            and made.live_oid == newest
            and (made.has(journal.SWAPPED) or made.has(journal.DONE))
        ):
            newest = made.side_oid
            numbers.add(newest)
    return numbers


def _possible(database: str, suffix: str, stamp: str) -> list[str]:
    """The names that a restore of a database makes, and those that it made when they were only cut."""
    room = swap.LONGEST_NAME - len(suffix) - len(stamp)
    return [
        swap.derived_name(database, suffix, stamp),
        database.encode()[:room].decode(errors="ignore") + suffix + stamp,
    ]
