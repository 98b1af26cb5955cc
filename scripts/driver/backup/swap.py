"""Puts one database in another's place: by two renames in one transaction, so there is always a whole one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """A name made of a database's name, as far as there is room, a suffix, and a moment."""
    room = LONGEST_NAME - len(suffix) - len(stamp)
    return database.encode()[:room].decode(errors="ignore") + suffix + stamp


def databases(control: psycopg.Connection[Any], names: Sequence[str]) -> dict[str, Database]:
    """Those of these databases that exist, by name."""
    rows = control.execute(
        "select oid::bigint, datname::text, datallowconn and datconnlimit <> -2 from pg_catalog.pg_database"
        " where datname = any(%s)",
        [list(names)],
    ).fetchall()
    return {name: Database(oid, name, is_open) for oid, name, is_open in rows}


def derived_databases(control: psycopg.Connection[Any], database: str, suffix: str) -> list[tuple[str, int]]:
    """Databases with names derived from this one's, oldest first, with their sizes in bytes (0 if not to be known)."""
    stamp = "00000000T000000Z"
    prefix = derived_name(database, suffix, stamp).removesuffix(stamp)
    rows = control.execute(
        "select datname::text, case when has_database_privilege(oid, 'CONNECT') then pg_database_size(oid) else 0 end"
        " from pg_catalog.pg_database where starts_with(datname, %s)"
        r" and substr(datname, length(%s) + 1) ~ '^\d{8}T\d{6}Z$' order by datname",
        [prefix, prefix],
    ).fetchall()
    return [(name, size) for name, size in rows]


def sessions(control: psycopg.Connection[Any], database: str) -> list[Session]:
    """Who is connected to a database, us left out, and autovacuum: that has no role, and who renames or drops ends it."""
    rows = control.execute(
        # An ordinary role sees neither the address nor the port of others.
        "select pid, usename::text, application_name,"
        " case when client_port = -1 then 'a local socket' else client_addr::text end, state"
        " from pg_catalog.pg_stat_activity"
        " where datname = %s and pid <> pg_backend_pid() and usesysid is not null order by pid",
        [database],
    ).fetchall()
    return [
        Session(pid, role or "", application or "", address or "", state or "")
        for pid, role, application, address, state in rows
    ]


def refuse_unless_possible(control: psycopg.Connection[Any], database: str) -> None:
    """Refuse early what would fail late.

    Raises:
        Problem: the role may not rename the database, or something in it forbids that.
    """
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


def set_open(control: psycopg.Connection[Any], database: str, *, is_open: bool) -> None:
    """Let everyone connect to a database, or nobody, superusers included."""
    control.execute(
        sql.SQL("alter database {} with allow_connections {}").format(
            sql.Identifier(database), sql.SQL("true" if is_open else "false")
        )
    )


def clear(control: psycopg.Connection[Any], database: str, seconds: float = CLEAR_SECONDS) -> None:
    """End every session of a database that is closed to new ones.

    Args:
        control: a session in another database.
        database: the closed one.
        seconds: how long those may take that do not end at once.

    Raises:
        Problem: some are still there.
    """
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


def swap(
    control: psycopg.Connection[Any], live: str, side: str, replaced: str | None, seconds: float = CLEAR_SECONDS
) -> None:
    """Rename both databases in one transaction, and open both.

    Args:
        control: a session in a third database.
        live: the name of the database that is replaced.
        side: the database that takes its place.
        replaced: the name the live one gets; None if there is no live one.
        seconds: for how long to try again while somebody is still connected.

    Raises:
        Problem: somebody stays connected.
    """
    deadline = time.monotonic() + seconds
    while True:
        if replaced:
            clear(control, live, seconds)
        try:
            with control.transaction():
                if replaced:
                    _rename(control, live, replaced)
                _rename(control, side, live)
                if replaced:
                    set_open(control, replaced, is_open=True)
                set_open(control, live, is_open=True)
        except psycopg.errors.ObjectInUse as error:
            # A session that had begun before the database was closed, or autovacuum.
            if time.monotonic() > deadline:
                raise Problem(
                    f"The databases could not be renamed: {error.diag.message_primary}",
                    do="end the sessions that use them, then run this again",
                ) from error
            clear(control, side, seconds)
        else:
            return


def _rename(control: psycopg.Connection[Any], old: str, new: str) -> None:
    control.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(old), sql.Identifier(new)))
