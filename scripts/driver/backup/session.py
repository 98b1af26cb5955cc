"""Sessions in which the same rows read the same everywhere, whatever a database or role has set."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from typing import Any

import psycopg
from psycopg import sql

from driver.errors import Problem
from driver.macro_sql import render_macro
from driver.profile import Connection, connection_problem

Session = psycopg.Connection[Any]
SESSION_POOLER = "CMSID_SESSION_POOLER"
POOLER_ROUNDS = 5
# As they are in a session that has set nothing; pg_restore sets all others itself. No operator, since nothing is pinned yet.
LOST_SETTINGS = "select pg_catalog.current_setting('default_transaction_read_only'), pg_catalog.current_setting('idle_session_timeout')"
_in_session_mode: set[tuple[str, int]] = set()
MAINTENANCE_DATABASES = ("postgres", "template1")


def pinned(connection: Connection) -> Session:
    """A session in autocommit mode with the settings that all our sessions have."""
    session = connection.connect()
    try:
        _refuse_transaction_pooler(session, connection)
        if connection.role:
            session.execute(sql.SQL("set role {}").format(sql.Identifier(connection.role)))
        pin(session)
    except BaseException as error:
        session.close()
        if isinstance(error, psycopg.Error):
            raise connection_problem(error, connection.describe(), connection.service) from error
        raise
    return session


def _refuse_transaction_pooler(session: Session, connection: Connection) -> None:
    """A pooler tells libpq a process that is not the one that answers. In session mode, a connection keeps the one it has.

    Raises:
        Problem: transactions of one connection meet different server sessions, or two connections the same one.
    """
    pid = _server_session(session)
    place = (session.info.host, session.info.port)
    if pid == session.info.backend_pid or place in _in_session_mode:
        return
    for _ in range(POOLER_ROUNDS):
        with connection.connect() as other:
            # Twice, since poolers give what was given back last, or take turns.
            if not _server_session(session) == _server_session(session) == pid != _server_session(other):
                raise Problem(
                    "A connection pooler in transaction mode is between here and the server: no lock or setting would stay",
                    where=connection.describe(),
                    do="connect to the server itself, by PGHOST and PGPORT",
                )
    if one_row(session, LOST_SETTINGS) != ("off", "0"):
        raise Problem(
            "A connection pooler is between here and the server and lets no settings pass, and this role, database or server"
            " has a default_transaction_read_only or idle_session_timeout that ends a restore",
            where=connection.describe(),
            do="connect to the server itself, by PGHOST and PGPORT",
        )
    _in_session_mode.add(place)
    os.environ[SESSION_POOLER] = "true"  # for dbt, which runs in this process and has one connection to look at


def _server_session(session: Session) -> int:
    row = session.execute("select pg_catalog.pg_backend_pid()", prepare=False).fetchone()
    return int(row[0]) if row else 0


def pin(session: Session) -> None:
    """Give a session the settings that all our sessions have, also after what it ran has set others."""
    session.execute(render_macro("session_pins", local=False).encode())
    # Texts of SQL_ASCII may be in any encoding: a character for each byte, which comes back as the same byte.
    encoding = "LATIN1" if session.info.parameter_status("server_encoding") == "SQL_ASCII" else "UTF8"
    if session.info.parameter_status("client_encoding") != encoding:
        session.execute(f"set client_encoding = {encoding}".encode())


def application_names(session: Session) -> None:
    """Have a pinned session in a transaction look names up in pg_catalog, and then where the application has them."""
    session.execute("set local search_path = default")
    session.execute(render_macro("session_pins", local=False, names="application").encode())


def settings(session: Session) -> dict[str, str]:
    """The settings of a pinned session, as a record of how its values were written."""
    rows = session.execute(render_macro("session_settings").encode()).fetchall()
    return {**dict(rows), "client_encoding": str(session.info.parameter_status("client_encoding"))}


def one_row(session: Session, query: str) -> tuple[Any, ...]:
    """The row of a query that always has one."""
    row = session.execute(query.encode()).fetchone()
    if row is None:
        raise LookupError(query)
    return tuple(row)


def one_value(session: Session, query: str | sql.Composed, *parameters: Any) -> Any:
    """What a query of one value gives; None where it has no row."""
    text = query.encode() if isinstance(query, str) else query
    row = session.execute(text, parameters or None).fetchone()
    return row[0] if row else None


def major_of(session: Session) -> int:
    """The server's major version."""
    return session.info.server_version // 10000


def is_superuser(session: Session) -> bool:
    """Whether the session's role is a superuser."""
    return bool(one_value(session, "select rolsuper from pg_catalog.pg_roles where rolname = current_user"))


def system_identifier(session: Session) -> str:
    """The number that tells this server's data directory from any other; empty where the role may not read it."""
    try:
        with session.transaction():
            return str(one_value(session, "select system_identifier from pg_control_system()"))
    except psycopg.errors.InsufficientPrivilege:
        return ""


def elsewhere(connection: Connection, *avoid: str) -> Session:
    """A session on the same server in a database that will not be renamed: `postgres`, `template1`, or any but those named."""
    problem: Problem | None = None
    for name in _others(connection, avoid):
        try:
            return pinned(connection.to_database(name))
        except Problem as error:
            problem = problem or error
    raise problem or Problem(
        "No other database of this server accepts this role", where=connection.describe(), do="allow it to use postgres"
    )


def _others(connection: Connection, avoid: Collection[str]) -> Iterator[str]:
    """The databases to be tried: those for maintenance, then those that any that lets us in names."""
    yield from (name for name in MAINTENANCE_DATABASES if name not in avoid)
    query = (
        "select datname::text from pg_catalog.pg_database where datallowconn"
        " and has_database_privilege(oid, 'CONNECT') and datname <> all(%s) order by datname"
    )
    for name in [connection.dbname, *avoid]:
        found: list[tuple[str]] = []
        with contextlib.suppress(Problem), pinned(connection.to_database(name)) as session:
            found = session.execute(query, [[*avoid, *MAINTENANCE_DATABASES]]).fetchall()
        yield from (other for (other,) in found)


def begin_with_locks(session: Session, connection: Connection, tables: Collection[tuple[str, str]]) -> None:
    """Begin a reading transaction whose first query takes the snapshot, once nobody can rewrite these tables any more.

    A table that is rewritten is empty, without an error, to every snapshot from before: whoever takes a snapshot and
    then waits for the migration's locks reads nothing. LOCK takes no snapshot.

    Raises:
        Problem: somebody else holds a lock for longer than a reader waits.
    """
    session.execute("begin isolation level repeatable read read only")
    if not tables:
        return
    names = sql.SQL(", ").join(sql.SQL("only {}").format(sql.Identifier(*table)) for table in tables)
    try:
        session.execute(sql.SQL("lock table {} in access share mode").format(names))
    except psycopg.errors.LockNotAvailable as error:
        session.rollback()
        relations = [{"relation": sql.Identifier(*table).as_string()} for table in tables]
        query = render_macro("blocking_sessions", tables=relations, modes=["AccessExclusiveLock"])
        holders = one_value(session, query)
        raise Problem(
            f"A table stayed locked for more than {one_value(session, 'show lock_timeout')}"
            f" ({holders or 'the session in the way has gone'})",
            where=connection.describe(),
            do="nothing was changed; end that session or wait for it, then run this again",
        ) from error


def join_snapshot(session: Session, snapshot: str) -> None:
    """Begin a reading transaction that sees exactly what the exporting session sees.

    Raises:
        Problem: the exporting session has ended, and its snapshot with it.
    """
    session.execute("begin isolation level repeatable read read only")
    try:
        session.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot)))
    except psycopg.errors.UndefinedObject as error:
        raise Problem(
            "The session that holds the snapshot was ended",
            where=f"snapshot {snapshot}",
            do="the live database is as it was; find out who ended it, then run this again",
        ) from error
