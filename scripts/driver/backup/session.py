"""Sessions in which the same rows read the same everywhere, whatever a database or role has set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from driver.errors import Problem
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from collections.abc import Collection

    from driver.profile import Connection

# What a value looks like as text, and so its hash, where its type has none of its own.
PINS = {
    "client_encoding": "UTF8",
    "search_path": "",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "quote_all_identifiers": "off",
    "xmloption": "content",
}
# A backup may take hours in which a session only waits; a database may forbid writing by default. Only for a lock that
# somebody else holds nobody should wait for ever.
LIMITS = {
    "statement_timeout": "0",
    "lock_timeout": "60s",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "default_transaction_read_only": "off",
    "default_transaction_isolation": "read committed",
    "row_security": "off",
    "synchronous_commit": "on",
}
TOO_NEW_FOR_SOME = {"transaction_timeout": "0"}
MAINTENANCE_DATABASES = ("postgres", "template1")


def pinned(connection: Connection, **options: Any) -> psycopg.Connection[Any]:
    """A session in autocommit mode with every setting above.

    Args:
        connection: where to.
        options: for psycopg.connect.

    Raises:
        Problem: it cannot be reached.
    """
    session = connection.unlimited().connect(**{"autocommit": True, **options})
    pin(session)
    return session


def pin(session: psycopg.Connection[Any]) -> None:
    """Give a session every setting above, also after a dump has set its own."""
    settings = {**PINS, **LIMITS, **TOO_NEW_FOR_SOME}
    # A setting that this server does not know is left out; row_security=off makes a filtered read an error.
    session.execute(
        sql.SQL(
            "select set_config(name, value, false) from (values {}) as wanted (name, value)"
            " where current_setting(name, true) is not null"
        ).format(
            sql.SQL(", ").join(
                sql.SQL("({}, {})").format(sql.Literal(name), sql.Literal(value)) for name, value in settings.items()
            )
        )
    )


def one_row(session: psycopg.Connection[Any], query: str) -> tuple[Any, ...]:
    """The row of a query that always has one.

    Raises:
        LookupError: it had none.
    """
    row = session.execute(query.encode()).fetchone()
    if row is None:
        raise LookupError(query)
    return tuple(row)


def major_of(session: psycopg.Connection[Any]) -> int:
    """The server's major version."""
    return session.info.server_version // 10000


def is_superuser(session: psycopg.Connection[Any]) -> bool:
    """Whether the session's role is a superuser."""
    row = session.execute("select rolsuper from pg_catalog.pg_roles where rolname = current_user").fetchone()
    return bool(row and row[0])


def system_identifier(session: psycopg.Connection[Any]) -> str:
    """The number that tells this server's data directory from any other; empty where the role may not read it."""
    try:
        with session.transaction():
            return str(one_row(session, "select system_identifier from pg_control_system()")[0])
    except psycopg.errors.InsufficientPrivilege:
        return ""


def elsewhere(connection: Connection, *avoid: str) -> psycopg.Connection[Any]:
    """A session on the same server in a database that will not be renamed: `postgres`, `template1`, or any other.

    Args:
        connection: the server and role.
        avoid: databases not to be connected to.

    Raises:
        Problem: no other database accepts this role.
    """
    tried: list[str] = []
    problem: Problem | None = None
    for name in MAINTENANCE_DATABASES:
        if name in avoid:
            continue
        try:
            return pinned(connection.to_database(name))
        except Problem as error:
            problem = problem or error
            tried.append(name)
    # Any database that lets us in can tell which others do.
    for name in [connection.dbname, *avoid]:
        try:
            with pinned(connection.to_database(name)) as session:
                rows = session.execute(
                    "select datname from pg_catalog.pg_database where datallowconn"
                    " and has_database_privilege(oid, 'CONNECT') and datname <> all(%s) order by datname",
                    [[*avoid, *tried]],
                ).fetchall()
        except Problem:
            continue
        for (other,) in rows:
            try:
                return pinned(connection.to_database(other))
            except Problem:
                continue
    raise problem or Problem(
        "No other database of this server accepts this role", where=connection.describe(), do="allow it to use postgres"
    )


def begin_with_locks(
    session: psycopg.Connection[Any], connection: Connection, tables: Collection[tuple[str, str]]
) -> None:
    """Begin a reading transaction whose first query takes the snapshot, once nobody can rewrite these tables any more.

    A table that is rewritten is empty, without an error, to every snapshot from before: whoever takes a snapshot and
    then waits for the migration's locks reads nothing. LOCK takes no snapshot.

    Args:
        session: a pinned session outside a transaction.
        connection: where it is connected to.
        tables: ordinary tables, by schema and name.

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
        (holders,) = one_row(session, query)
        raise Problem(
            f"A table stayed locked for more than {LIMITS['lock_timeout']}"
            f" ({holders or 'the session in the way has gone'})",
            where=connection.describe(),
            do="nothing was changed; end that session or wait for it, then run this again",
        ) from error


def join_snapshot(session: psycopg.Connection[Any], snapshot: str) -> None:
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
