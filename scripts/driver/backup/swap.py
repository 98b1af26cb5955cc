"""Closes, drops, and exchanges databases, and makes some for a while.

One gets into another's place by two renames in one transaction, so there is always a whole one. A scratch database is
made for one test restore, dropped whatever happens, and swept up by the next one if that failed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import psycopg
from psycopg import sql

from driver.backup import database_state, store
from driver.backup.session import Session, is_superuser, major_of, one_value, pinned
from driver.errors import Problem, why

if TYPE_CHECKING:
    from driver.backup.journal import Journal
    from driver.profile import Connection

CLEAR_SECONDS = 30.0
PAUSE_SECONDS = 0.1
LONGEST_NAME = 63  # bytes
REPLACED = "__replaced_"
RESTORING = "__restoring_"
PREFIX = "cmsid_scratch_"
WHOLE_HASH, SHORT_HASH = 22, 8
"""Hexadecimal digits of the hash of a database's name: as many as there is room for, and as many as there once were."""
COMMENT = "Scratch database of a test restore of {}, made by cmsid; it may be dropped."
# The pipe that it reads ends with the process that has made it.
KEEPER = "import sys; given = sys.stdin.buffer.read(); from driver.backup.swap import drop_after_us as d; d(given)"


class Present(NamedTuple):
    """Somebody who is connected, and whether our role may end the session: a superuser's only a superuser may."""

    pid: int
    told: str
    state: str
    may_end: bool


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


def databases(control: Session, names: Sequence[str]) -> dict[str, Database]:
    """Those of these databases that exist, by name."""
    rows = control.execute(
        "select oid::bigint, datname::text, datallowconn and datconnlimit <> -2 from pg_catalog.pg_database"
        " where datname = any(%s)",
        [list(names)],
    ).fetchall()
    return {row[1]: Database(*row) for row in rows}


def database(control: Session, name: str, oid: int | None = None) -> Database | None:
    """The database of this name, and of this number where one is given: the name may have gone to another since."""
    found = databases(control, [name]).get(name)
    return found if found and oid in (None, found.oid) else None


def sessions(control: Session, database: str) -> list[Present]:
    """Who is connected to a database, us left out, and autovacuum: that has no role, and who renames or drops ends it."""
    rows = control.execute(
        # An ordinary role sees neither the address nor the port of others. Whom it may end: as pg_terminate_backend has it.
        "select a.pid, format('%%s (%%s, from %%s, %%s)', coalesce(a.usename, 'unknown'),"
        " coalesce(nullif(a.application_name, ''), 'no application name'),"
        " case a.client_port when -1 then 'a local socket' else coalesce(a.client_addr::text, 'an unknown address') end,"
        " coalesce(a.state, 'unknown state')), a.state,"
        " me.rolsuper or (not coalesce(r.rolsuper, false) and (pg_has_role('pg_signal_backend', 'USAGE')"
        " or (r.oid is not null and pg_has_role(r.oid, 'USAGE'))))"
        " from pg_catalog.pg_stat_activity as a inner join pg_catalog.pg_roles as me on me.rolname = current_user"
        " left join pg_catalog.pg_roles as r on a.usesysid = r.oid"
        " where a.datname = %s and a.pid <> pg_backend_pid() and a.usesysid is not null order by a.pid",
        [database],
    )
    return [Present(*row) for row in rows]


def refuse_unless_possible(control: Session, database: str) -> None:
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


def refuse_unendable(control: Session, database: str, seconds: float = 0) -> None:
    """Refuse while a session is there that our role may not end, before anything is closed for it."""
    deadline = time.monotonic() + seconds
    while lasting := [session for session in sessions(control, database) if not session.may_end]:
        if time.monotonic() > deadline:
            raise Problem(
                f"This role may not end these sessions of {database}:"
                f" {', '.join(session.told for session in lasting[:3])}",
                do=f"nothing was closed; have them ended (a superuser can: `select pg_terminate_backend({lasting[0].pid})`),"
                " then run this again",
            )
        time.sleep(PAUSE_SECONDS)


def set_open(control: Session, database: str, *, is_open: bool) -> None:
    """Let everyone connect to a database, or nobody, superusers included."""
    statement = sql.SQL("alter database {} with allow_connections {}")
    control.execute(statement.format(sql.Identifier(database), sql.Literal(is_open)))


def clear(control: Session, database: str, seconds: float = CLEAR_SECONDS) -> None:
    """End every session of a database that is closed to new ones; they may take so many seconds."""
    deadline = time.monotonic() + seconds
    while present := sessions(control, database):
        for session in present:
            with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                control.execute("select pg_terminate_backend(%s)", [session.pid])
        if time.monotonic() > deadline:
            raise Problem(
                f"Sessions of {database} do not end: {', '.join(session.told for session in present[:3])}",
                do="end them (a superuser can), then run this again",
            )
        time.sleep(PAUSE_SECONDS)


def swap(control: Session, made: Journal) -> None:
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


def create(control: Session, state: database_state.State, name: str, template: str, do: str) -> None:
    """Create a database that has the kind of this state, or say what to do."""
    try:
        control.execute(database_state.creation(state, name, major_of(control), template))
    except psycopg.Error as error:
        if control.closed:
            raise
        raise Problem(f"The server cannot make a database of this kind: {why(error)}", do=do) from error


def drop(control: Session, database: str, *, end_sessions: bool = True, seconds: float = CLEAR_SECONDS) -> None:
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


def _require(control: Session, name: str, oid: int) -> None:
    if not database(control, name, oid):
        raise Problem(
            f"What was to become {name} is not the database it was when this restore began",
            do="nothing was renamed; look who else works on these databases, then run this again",
        )


def _rename(control: Session, old: str, new: str) -> None:
    control.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(old), sql.Identifier(new)))


@contextlib.contextmanager
def scratch_database(
    connection: Connection, state: database_state.State, template: str, name: str = ""
) -> Iterator[Connection]:
    """A database like that of this connection and state, made of the template by a role that may, and dropped at the end."""
    name = name or f"{_prefix(connection.dbname)}{store.stamp(store.now())}_{secrets.token_hex(4)}".lower()
    with pinned(connection) as guard:
        sweep(guard, connection.dbname)
        # Whoever sweeps asks for this lock first; it is free as soon as this session ends, however it ends.
        guard.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [name])
        comment = sql.SQL("comment on database {} is {}")
        role = one_value(guard, "select current_user::text")
        wanted = {**state, "owner": state["owner"] if is_superuser(guard) else role}
        keeper = _keeper(connection, name)
        try:
            do = "nothing was restored; mend that, or restore on a server that has what is missing"
            create(guard, wanted, name, template, do)
            guard.execute(comment.format(sql.Identifier(name), sql.Literal(COMMENT.format(connection.dbname))))
            yield connection.to_database(name)
        finally:
            try:
                drop(guard, name)
            except Problem as problem:
                # What the test restore came to is true all the same, and is told by whoever asked for it.
                click.echo(
                    f"Warning: {problem.what}. It is a copy of the data: `scripts/cmsid prune` drops it.", err=True
                )
            keeper.kill()
            keeper.communicate()


def _keeper(connection: Connection, name: str) -> subprocess.Popen[bytes]:
    """A process that waits for our end, even that by SIGKILL, and then drops the database; it is killed where we have."""
    program, null = [sys.executable, "-c", KEEPER], subprocess.DEVNULL
    variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    keeper = subprocess.Popen(  # out of reach of the terminal's Ctrl-C
        program, stdin=subprocess.PIPE, stdout=null, stderr=null, env=variables, start_new_session=True
    )
    if keeper.stdin:
        keeper.stdin.write(pickle.dumps((connection, name)))  # so that nobody else can read the password
        keeper.stdin.flush()
    return keeper


def drop_after_us(given: bytes) -> None:
    """What the keeper does in the end."""
    connection, name = pickle.loads(given)  # noqa: S301  what we have written
    with pinned(connection) as session:
        # which its guard holds until the server has seen that it is gone
        session.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [name])
        drop(session, name)


def left_over(session: Session, dbname: str) -> list[tuple[str, int]]:
    """Scratch databases for this one that nobody guards any more, by name, with their sizes in bytes."""
    # Before names held enough of the hash to tell two databases apart, only the comment did, which is ours: nobody uses one.
    rows = session.execute(
        "select d.datname::text, pg_database_size(d.oid) from pg_catalog.pg_database as d"
        " where (starts_with(d.datname, %(prefix)s) or (starts_with(d.datname, %(short)s)"
        " and shobj_description(d.oid, 'pg_database') = %(comment)s))"
        " and pg_has_role(d.datdba, 'USAGE') and not exists ("
        "select from pg_catalog.pg_locks as l inner join pg_catalog.pg_database as o on l.database = o.oid"
        " where l.locktype = 'advisory' and o.datname = %(dbname)s"
        " and (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended(d.datname, 0)) order by d.datname",
        {
            "prefix": _prefix(dbname),
            "short": _prefix(dbname, SHORT_HASH),
            "comment": COMMENT.format(dbname),
            "dbname": dbname,
        },
    ).fetchall()
    return [(name, size) for name, size in rows]


def sweep(session: Session, dbname: str) -> list[str]:
    """Drop scratch databases that nobody guards any more, from a session in the database they are copies of."""
    dropped = []
    for name, _ in left_over(session, dbname):
        if one_value(session, "select pg_try_advisory_lock(hashtextextended(%s, 0))", name):
            with contextlib.suppress(Problem):
                drop(session, name)
                dropped.append(name)
            session.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [name])
    return dropped


def _prefix(dbname: str, digits: int = WHOLE_HASH) -> str:
    # The guards' locks are seen in their own database only, so only those of the same database may be swept.
    return f"{PREFIX}{hashlib.sha256(dbname.encode()).hexdigest()[:digits]}_"
