"""Closes, drops, and exchanges databases.

One gets into another's place by two renames in one transaction, so there is always a whole one.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from driver.errors import Problem, why

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driver.backup.journal import Journal

CLEAR_SECONDS = 30.0
PAUSE_SECONDS = 0.1
LONGEST_NAME = 63  # bytes
REPLACED = "__replaced_"
RESTORING = "__restoring_"


@dataclass(frozen=True)
class Session:
    """Somebody who is connected: process number, role, application, address, what they are doing; empty if hidden."""

    pid: int
    role: str
    application: str
    address: str
    state: str
    may_end: bool
    """Whether our role may end it: a superuser's only a superuser may."""

    def describe(self) -> str:
        """In words."""
        application = self.application or "no application name"
        address = self.address or "an unknown address"
        return f"{self.role or 'unknown'} ({application}, from {address}, {self.state or 'unknown state'})"


@dataclass(frozen=True)
class Database:
    """A database as the catalogue has it; it is not open either if a DROP of it was cut off."""

    oid: int
    name: str
    open: bool


def derived_name(database: str, suffix: str, stamp: str) -> str:
    """A name made of a database's name, a suffix, and a moment; a name too long for it is cut, with its hash added.

    Without the hash, two databases whose names begin alike would get the same one.
    """
    name, room = database.encode(), LONGEST_NAME - len(suffix) - len(stamp)
    if len(name) > room:
        digest = f"_{hashlib.sha256(name).hexdigest()[:8]}"
        return name[: room - len(digest)].decode(errors="ignore") + digest + suffix + stamp
    return database + suffix + stamp


def databases(control: psycopg.Connection[Any], names: Sequence[str]) -> dict[str, Database]:
    """Those of these databases that exist, by name."""
    rows = control.execute(
        "select oid::bigint, datname::text, datallowconn and datconnlimit <> -2 from pg_catalog.pg_database"
        " where datname = any(%s)",
        [list(names)],
    ).fetchall()
    return {row[1]: Database(*row) for row in rows}


def database(control: psycopg.Connection[Any], name: str, oid: int | None = None) -> Database | None:
    """The database of this name, and of this number where one is given: the name may have gone to another since."""
    found = databases(control, [name]).get(name)
    return found if found and oid in (None, found.oid) else None


def sessions(control: psycopg.Connection[Any], database: str) -> list[Session]:
    """Who is connected to a database, us left out, and autovacuum: that has no role, and who renames or drops ends it."""
    rows = control.execute(
        # An ordinary role sees neither the address nor the port of others. Whom it may end: as pg_terminate_backend has it.
        "select a.pid, coalesce(a.usename::text, ''), coalesce(a.application_name, ''),"
        " case when a.client_port = -1 then 'a local socket' else coalesce(a.client_addr::text, '') end, coalesce(a.state, ''),"
        " me.rolsuper or (not coalesce(r.rolsuper, false) and (pg_has_role('pg_signal_backend', 'USAGE')"
        " or (r.oid is not null and pg_has_role(r.oid, 'USAGE'))))"
        " from pg_catalog.pg_stat_activity as a inner join pg_catalog.pg_roles as me on me.rolname = current_user"
        " left join pg_catalog.pg_roles as r on a.usesysid = r.oid"
        " where a.datname = %s and a.pid <> pg_backend_pid() and a.usesysid is not null order by a.pid",
        [database],
    ).fetchall()
    return [Session(*row) for row in rows]


def refuse_unless_possible(control: psycopg.Connection[Any], database: str) -> None:
    """Refuse early what would fail late: a role that may not rename the database, or something in it that forbids that."""
    row = control.execute(
        "select pg_has_role(d.datdba, 'USAGE'), pg_get_userbyid(d.datdba)::text, current_user::text"
        " from pg_catalog.pg_database as d where d.datname = %s",
        [database],
    ).fetchone()
    if row is None:
        return
    owned, owner, role = row
    if not owned:
        raise Problem(
            f"The database {database} belongs to {owner}, and only its owner can put another in its place",
            do=f"connect as {owner} or a superuser instead of {role}",
        )
    prepared = control.execute(
        "select gid from pg_catalog.pg_prepared_xacts where database = %s order by prepared limit 3", [database]
    ).fetchall()
    if prepared:
        names = ", ".join(gid for (gid,) in prepared)
        raise Problem(
            f"The database {database} holds prepared transactions, which forbid renaming it: {names}",
            do="commit them or roll them back, then run this again",
        )


def refuse_unendable(control: psycopg.Connection[Any], database: str, seconds: float = 0) -> None:
    """Refuse while a session is there that our role may not end, before anything is closed for it."""
    deadline = time.monotonic() + seconds
    while lasting := [session for session in sessions(control, database) if not session.may_end]:
        if time.monotonic() > deadline:
            raise Problem(
                f"This role may not end these sessions of {database}:"
                f" {', '.join(session.describe() for session in lasting[:3])}",
                do=f"nothing was closed; have them ended (a superuser can: `select pg_terminate_backend({lasting[0].pid})`),"
                " then run this again",
            )
        time.sleep(PAUSE_SECONDS)


def set_open(control: psycopg.Connection[Any], database: str, *, is_open: bool) -> None:
    """Let everyone connect to a database, or nobody, superusers included."""
    control.execute(
        sql.SQL("alter database {} with allow_connections {}").format(
            sql.Identifier(database), sql.SQL("true" if is_open else "false")
        )
    )


def clear(control: psycopg.Connection[Any], database: str, seconds: float = CLEAR_SECONDS) -> None:
    """End every session of a database that is closed to new ones; they may take so many seconds."""
    deadline = time.monotonic() + seconds
    while present := sessions(control, database):
        for session in present:
            try:
                control.execute("select pg_terminate_backend(%s)", [session.pid])
            except psycopg.errors.InsufficientPrivilege:
                continue
        if time.monotonic() > deadline:
            raise Problem(
                f"Sessions of {database} do not end: {', '.join(session.describe() for session in present[:3])}",
                do="end them (a superuser can), then run this again",
            )
        time.sleep(PAUSE_SECONDS)


def swap(control: psycopg.Connection[Any], made: Journal) -> None:
    """Rename both databases in one transaction, and open both: those of the journal, by name and number.

    Raises:
        Problem: somebody stays connected, or one of the databases is not the one it was.
    """
    deadline = time.monotonic() + CLEAR_SECONDS
    while True:
        live = database(control, made.database)
        if live:
            clear(control, made.database)
        try:
            with control.transaction():
                if live:
                    _rename(control, made.database, made.replaced_name)
                _rename(control, made.side_name, made.database)
                # From the renaming on nobody else can rename them.
                _require(control, made.database, made.side_oid)
                set_open(control, made.database, is_open=True)
                if live:
                    _require(control, made.replaced_name, made.live_oid)
                    set_open(control, made.replaced_name, is_open=True)
        except psycopg.errors.ObjectInUse as error:
            # A session that had begun before the database was closed, or autovacuum.
            if time.monotonic() > deadline:
                raise Problem(
                    f"The databases could not be renamed: {why(error)}",
                    do="end the sessions that use them, then run this again",
                ) from error
            clear(control, made.side_name)
        else:
            return


def drop(
    control: psycopg.Connection[Any], database: str, *, end_sessions: bool = True, seconds: float = CLEAR_SECONDS
) -> None:
    """Drop a database, if there is one of that name, with its sessions ended; tried again so long while it is in use.

    Without FORCE: that is refused to whoever is no superuser while autovacuum is at work in it, which a plain DROP ends.
    """
    try:
        found = databases(control, [database]).get(database)
        if found and end_sessions:
            if found.open:
                set_open(control, database, is_open=False)
            clear(control, database, seconds)
        deadline = time.monotonic() + seconds
        while found:
            try:
                # each attempt has the server end autovacuum and wait five seconds
                control.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(database)))
            except psycopg.errors.ObjectInUse:
                if time.monotonic() > deadline:
                    raise
                time.sleep(PAUSE_SECONDS)
            else:
                return
    except (Problem, psycopg.Error) as error:
        raise Problem(
            f"The database {database} could not be dropped: {why(error)}", do="correct that, then run this again"
        ) from error


def _require(control: psycopg.Connection[Any], name: str, oid: int) -> None:
    if not database(control, name, oid):
        raise Problem(
            f"What was to become {name} is not the database it was when this restore began",
            do="nothing was renamed; look who else works on these databases, then run this again",
        )


def _rename(control: psycopg.Connection[Any], old: str, new: str) -> None:
    control.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(old), sql.Identifier(new)))
