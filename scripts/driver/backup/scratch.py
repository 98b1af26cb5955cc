"""Scratch databases: made for one test restore, dropped whatever happens, swept up by the next one if that failed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import psycopg
from psycopg import sql

from driver.backup import database_state, store, swap
from driver.backup.session import is_superuser, major_of, one_value, pinned
from driver.errors import Problem, why

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.backup.database_state import State
    from driver.profile import Connection

PREFIX = "cmsid_scratch_"
WHOLE_HASH, SHORT_HASH = 22, 8
"""Hexadecimal digits of the hash of a database's name: as many as there is room for, and as many as there once were."""
COMMENT = "Scratch database of a test restore of {}, made by cmsid; it may be dropped."
# The pipe that it reads ends with the process that has made it.
KEEPER = "import sys; given = sys.stdin.buffer.read(); from driver.backup.scratch import drop_after_us as d; d(given)"


@contextlib.contextmanager
def scratch_database(connection: Connection, state: State, template: str, name: str = "") -> Iterator[Connection]:
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
            try:
                guard.execute(database_state.creation(wanted, name, major_of(guard), template))
            except psycopg.Error as error:
                raise Problem(
                    f"The server cannot make a database of this kind: {why(error)}",
                    where=connection.describe(),
                    do="nothing was restored; mend that, or restore on a server that has what is missing",
                ) from error
            guard.execute(comment.format(sql.Identifier(name), sql.Literal(COMMENT.format(connection.dbname))))
            yield connection.to_database(name)
        finally:
            try:
                swap.drop(guard, name)
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
        swap.drop(session, name)


def left_over(session: psycopg.Connection[Any], dbname: str) -> list[tuple[str, int]]:
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


def sweep(session: psycopg.Connection[Any], dbname: str) -> list[str]:
    """Drop scratch databases that nobody guards any more, from a session in the database they are copies of."""
    dropped = []
    for name, _ in left_over(session, dbname):
        if one_value(session, "select pg_try_advisory_lock(hashtextextended(%s, 0))", name):
            with contextlib.suppress(Problem):
                swap.drop(session, name)
                dropped.append(name)
            session.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [name])
    return dropped


def _prefix(dbname: str, digits: int = WHOLE_HASH) -> str:
    # The guards' locks are seen in their own database only, so only those of the same database may be swept.
    return f"{PREFIX}{hashlib.sha256(dbname.encode()).hexdigest()[:digits]}_"
