"""Which databases restores have left on the server, and whose they are: told by a record, never by a name.

The record is the journal of the restore: the live database's whole name, and the numbers of the database that was
replaced and of the one that took its place. The names of two databases may begin alike, and be cut to the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from driver import wording
from driver.backup import journal, store, swap
from driver.backup.session import system_identifier
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import psycopg

    from driver.backup.journal import Journal
    from driver.profile import Connection

NAMES = rf"^(.*)({swap.REPLACED}|{swap.RESTORING})(\d{{8}}T\d{{6}}Z(?:_[0-9a-f]{{8}})?)$"


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
        return wording.size(self.size) + ("" if self.own else "  of unknown origin")


def copies(control: psycopg.Connection[Any], connection: Connection, directory: Path | None = None) -> list[Copy]:
    """The databases that restores have left, oldest first: of this database, of unknown origin, and of others.

    Without a record in this folder of backups only those count whose names could have been made of this database's.
    """
    server, live = system_identifier(control), swap.databases(control, [connection.dbname]).get(connection.dbname)
    known = [made for made in journal.records(directory or store.default_folder()) if made.is_of(made.database, server)]
    rows = control.execute(
        "select datname::text, oid::bigint, case when has_database_privilege(oid, 'CONNECT') then pg_database_size(oid)"
        " else 0 end from pg_catalog.pg_database where datname ~ %s order by substring(datname, %s), datname",
        [NAMES, r"\d{8}T\d{6}Z"],
    ).fetchall()
    found = []
    for name, oid, size in rows:
        suffix, stamp = re.fullmatch(NAMES, name, re.DOTALL).group(2, 3)  # type: ignore[union-attr]
        if any((made.side_name, made.side_oid) == (name, oid) and not made.has(journal.DONE) for made in known):
            continue  # at work, or interrupted: `situation` has it
        record = next((made for made in known if (made.replaced_name, made.live_oid) == (name, oid)), None)
        if record:
            own = record.database == connection.dbname and (live is None or live.oid in _successors(record, known))
            found.append(Copy(name, size, replaced=True, database=record.database, own=own))
        elif name in _possible(connection.dbname, suffix, stamp):
            found.append(Copy(name, size, replaced=suffix == swap.REPLACED, database="", own=False))
    return found


def choose(found: Sequence[Copy], connection: Connection, name: str, *, force: bool, replaced: bool = True) -> Copy:
    """The copy somebody names, if it is the live database's own, or of unknown origin and they insist by `force`.

    Raises:
        Problem: it is neither, or must have been replaced and was not.
    """
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
