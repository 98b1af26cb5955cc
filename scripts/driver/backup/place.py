"""Where a backup is restored on trial: on the live database's server, on a temporary one of ours, or on a named one.

Beside the live database it is the role of the profile that restores. Elsewhere it is a superuser, so that every object gets
its owner and every grant its role; then the work is done by a role that is made like the live one.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from driver import profile
from driver.backup import database_state, pg_tools, swap
from driver.backup.session import Session, is_superuser, major_of, one_value, pinned
from driver.embedded_server import EmbeddedServer
from driver.errors import Problem, why
from driver.server_programs import PACKAGE, all_servers

if TYPE_CHECKING:
    from driver.backup.store import Backup

HERE, EMBEDDED = "here", "embedded"
# The server's first role, which owns what is the system's, and which the system's privileges name.
FIRST_ROLE = "select rolname::text from pg_catalog.pg_roles where oid = 10"
OTHER_WAYS = (
    "use `--on here`, a scratch database of the live server, which needs createdb, or `--on SERVICE`, another server of"
    " your pg_service.conf"
)
ROLES_THERE = """
select rolname::text, shobj_description(oid, 'pg_authid') is not distinct from %s from pg_catalog.pg_roles
"""
EXTENSIONS_THERE = "select name::text from pg_catalog.pg_available_extensions"
TABLESPACES_THERE = "select spcname::text from pg_catalog.pg_tablespace"
# Those of relations that are not where the database is.
TABLESPACES = (
    "select spcname::text from pg_catalog.pg_tablespace"
    " where oid in (select reltablespace from pg_catalog.pg_class where oid >= 16384)"
)
COMMENT = "Made by cmsid for a test restore; it may be dropped."
ALONE = "select pg_try_advisory_lock(hashtextextended('cmsid test restore', 0))"
# What decides how long work takes, what it writes, and how much of it is possible at a time.
SETTINGS = (
    *("work_mem", "maintenance_work_mem", "max_parallel_workers_per_gather", "max_parallel_maintenance_workers"),
    *("max_wal_size", "checkpoint_timeout", "full_page_writes", "wal_log_hints", "wal_level"),
    *("max_connections", "max_locks_per_transaction"),
)
ATTRIBUTES = {
    "superuser": "rolsuper",
    **{word: f"rol{word}" for word in ("inherit", "createrole", "createdb", "replication", "bypassrls")},
}
ROLES = """
with recursive works as (
    select r.oid from pg_catalog.pg_roles as r where r.rolname in (%(user)s, %(role)s)
    union
    select m.roleid from pg_catalog.pg_auth_members as m inner join works as w on m.member = w.oid
)
select
    r.rolname::text as name,
    to_jsonb(r) as attributes,
    coalesce(r.rolconfig, '{}') as settings,
    (
        select coalesce(jsonb_agg(distinct to_jsonb(m) || jsonb_build_object('granted', pg_get_userbyid(m.roleid))), '[]')
        from pg_catalog.pg_auth_members as m
        where m.member = r.oid and r.oid in (select w.oid from works as w)
    ) as memberships
from pg_catalog.pg_roles as r
where
    r.oid in (select w.oid from works as w)
    or r.rolname = any(%(named)s)
    or r.oid in (
        select d.refobjid
        from pg_catalog.pg_shdepend as d
        inner join pg_catalog.pg_database as b on d.dbid = b.oid
        where b.datname = current_database() and d.refclassid = 'pg_catalog.pg_authid'::regclass
    )
order by r.rolname
"""


@dataclass(frozen=True)
class Place:
    """A server on which databases can be made for a while.

    Attributes:
        on: here, embedded, or the name of a service.
        server: what it is, in words.
        control: a database of it, by the role that makes databases there and restores.
        worker: the same by the role that works there as the live database's does.
        told: what is not there as it is on the live server, in words.
        stand_ins: roles that were made there so that the dump finds them, and that cannot log in.
        variables: libpq's for that server; None if it is the live one.
    """

    on: str
    server: str
    control: profile.Connection
    worker: profile.Connection
    told: list[str] = field(default_factory=list)
    stand_ins: list[str] = field(default_factory=list)
    variables: Mapping[str, str] | None = None

    def reached(self) -> contextlib.AbstractContextManager[None]:
        """For the block, this server is reached, and the live one is not, whose variables may be others."""
        return contextlib.nullcontext() if self.variables is None else profile.libpq(self.variables)

    @property
    def lines(self) -> list[str]:
        """Where it is, what is other there, and which roles were made, in words."""
        made = [f"roles made there, without login: {', '.join(self.stand_ins)}"] if self.stand_ins else []
        return [f"on {self.server}", *self.told, *made]


@dataclass(frozen=True)
class _Live:
    """What a copy of `what` needs on another server, but for tablespaces that only its dump names."""

    connection: profile.Connection
    what: str
    major: int
    extensions: set[str]
    tablespaces: set[str]
    first: str
    roles: list[dict[str, Any]]
    works: bool

    def lacks(self, kind: str, missing: set[str], where: str) -> None:
        """Refuse a server that lacks something."""
        if missing:
            what, names = self.what[0].upper() + self.what[1:], ", ".join(sorted(missing))
            raise Problem(
                f"{what} needs the {kind}{'s' * (len(missing) > 1)} {names}, which this server does not have",
                where=where,
                do=OTHER_WAYS,
            )

    def unknown(self, control: profile.Connection, there: set[str]) -> None:
        """Refuse a server that knows the role that is to work there, unless it is the one we connect as."""
        user = self.connection.user
        if self.works and user in there - {control.user}:
            raise Problem(
                f"There is a role {user} already, whose password is not known here",
                where=control.describe(),
                do="name a service that connects as this role, or another server",
            )


@contextlib.contextmanager
def place(connection: profile.Connection, backup: Backup | None, on: str, *, works: bool = True) -> Iterator[Place]:
    """The place, for the block; what was made for it is gone afterwards.

    Args:
        connection: the live database.
        backup: what is to be restored there; None: a backup that is taken within the block, so that what lacks is said before.
        on: here, embedded, or the name of a service.
        works: whether somebody is to work there as the live database's role, beside the one that restores.

    Raises:
        Problem: it cannot be had, or lacks something that the backup needs; nothing was restored.
    """
    with contextlib.ExitStack() as stack:
        with pinned(connection) as session:
            live = _live(session, connection, backup, works=works)
            settings = {name: str(one_value(session, "select current_setting(%s)", name)) for name in SETTINGS}
            version = one_value(session, "show server_version")
        if on == HERE:
            yield Place(on, f"the live server, PostgreSQL {version}", connection, connection)
            return
        told: list[str] = []
        variables: Mapping[str, str] = {}
        if on == EMBEDDED:
            senders = {"max_wal_senders": "0"} if settings["wal_level"] == "minimal" else {}
            server, told = _server(live, {**settings, **senders})
            stack.enter_context(server)
            control = server.reach("postgres", live.first)
        else:
            control, variables = profile.of_service(on)
        control = replace(control, audit_schema=connection.audit_schema, threads=connection.threads)
        with profile.libpq(variables):
            found = stack.enter_context(_furnished(control, live, backup, on))
        yield replace(found, told=told + found.told, variables=variables)


def _live(session: Session, connection: profile.Connection, backup: Backup | None, *, works: bool) -> _Live:
    """What a copy needs: among the roles who works, in which roles they are, and whom the database's objects name."""
    if backup:
        what, major, state = f"the backup {backup.backup_id}", backup.manifest.server_major, backup.manifest.state
        extensions, tablespaces = state["extensions"], {state["tablespace"]}
    else:
        what, major = f"the database {connection.dbname}", major_of(session)
        state, extensions = database_state.read(session, connection.dbname), database_state.extensions(session)
        tablespaces = {state["tablespace"], *_names(session, TABLESPACES)}
    named = [state["owner"], *(item[0] for item in state["privileges"]), *(item[0] for item in state["settings"])]
    with session.cursor(row_factory=dict_row) as cursor:
        parameters = {"user": connection.user, "role": connection.role, "named": [name for name in named if name]}
        roles = cursor.execute(ROLES, parameters).fetchall()
    first, names = str(one_value(session, FIRST_ROLE)), {name for name, _ in extensions}
    return _Live(connection, what, major, names, tablespaces, first, roles, works)


def _server(live: _Live, settings: Mapping[str, str]) -> tuple[EmbeddedServer, list[str]]:
    """A server of this machine, started, that has the extensions that a copy needs, and what is other there, in words.

    It is of the same major version, or else of the next newer one.
    """
    lacking = []
    # of one version that of an installation first, which may have more extensions
    for major, programs in sorted(all_servers(), key=lambda server: (server[0], PACKAGE in str(server[1]))):
        if major < live.major:
            continue
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(EmbeddedServer(programs=programs, superuser=live.first, settings=settings))
            with server.connect() as session:
                missing = live.extensions - _names(session, EXTENSIONS_THERE)
            if not missing:
                stack.pop_all()
                newer = f"it is PostgreSQL {major}, and the backup is of {live.major}"
                return server, [newer] if major != live.major else []
        lacking.append(f"PostgreSQL {major} lacks {', '.join(sorted(missing))}")
    if not lacking:
        raise Problem(
            f"There is no server of PostgreSQL {live.major} or newer on this machine",
            do=f"install one, or {OTHER_WAYS}",
        )
    raise Problem(
        f"No server of this machine has every extension of {live.what}: {'; '.join(lacking)}",
        do=f"install what it lacks, or {OTHER_WAYS}",
    )


@contextlib.contextmanager
def _furnished(control: profile.Connection, live: _Live, backup: Backup | None, on: str) -> Iterator[Place]:
    """Another server, with the roles that the backup needs; those that were made for it are dropped at the end."""
    with pinned(control) as session:
        superuser = _require(session, control, live)
        in_dump = pg_tools.tablespaces(pg_tools.find(major_of(session)), backup.dump) if backup else set()
        live.lacks("extension", live.extensions - _names(session, EXTENSIONS_THERE), control.describe())
        live.lacks("tablespace", (live.tablespaces | in_dump) - _names(session, TABLESPACES_THERE), control.describe())
        server = f"PostgreSQL {one_value(session, 'show server_version')}"
        server = f"a temporary {server} of this machine" if on == EMBEDDED else f"{server} of the service {on}"
        itself = replace(control, role=live.connection.role)
        if not superuser:
            yield Place(on, server, control, itself)
            return
        if not one_value(session, ALONE):
            raise Problem("Another test restore is at work there", where=control.describe(), do="wait for its end")
        swap.sweep(session, control.dbname)  # first, since what a killed one left belongs to the roles that it made
        _drop_roles(session)
        there = {name for name, _ in _roles_there(session)}
        live.unknown(control, there)
        login = live.connection.user if live.works and control.user != live.connection.user else ""
        password = secrets.token_urlsafe(24)
        told: list[str] = []
        try:
            made = [role for role in live.roles if role["name"] not in there and not role["name"].startswith("pg_")]
            for role in made:
                _make(session, role, password if role["name"] == login else "")
            for role in made:
                told += _equip(session, role)
            worker = replace(itself, user=login, password=password) if login else itself
            stand_ins = [role["name"] for role in made if role["name"] != login]
            yield Place(on, server, control, worker, told, stand_ins)
        finally:
            _drop_roles(session)


def _require(session: Session, control: profile.Connection, live: _Live) -> bool:
    """Refuse another server that no backup of the live database can be restored on by this role.

    Returns whether the role is a superuser there, who makes what roles are missing.
    """
    major, where = major_of(session), control.describe()
    if live.major > major:
        raise Problem(
            f"The backup is of PostgreSQL {live.major}, and this server is PostgreSQL {major}",
            where=where,
            do="name a server of the same version or a newer one",
        )
    pg_tools.find(major)
    if (other := one_value(session, FIRST_ROLE)) != live.first:
        raise Problem(
            f"That server was made by the role {other} and the live one by {live.first}, so that what is the system's"
            " differs",
            where=where,
            do="name a server that was made by the same role, or use `--on embedded`",
        )
    there = _roles_there(session)
    if not is_superuser(session):
        if missing := {role["name"] for role in live.roles} - {name for name, _ in there}:
            raise Problem(
                f"Roles that the backup names are missing there: {', '.join(sorted(missing))}",
                where=where,
                do="name a service that connects as a superuser, who makes them for the time of the restore",
            )
        if not one_value(session, "select rolcreatedb from pg_catalog.pg_roles where rolname = current_user"):
            raise Problem(f"{control.user} may not create databases there", where=where, do="give it createdb")
        return False
    own = [role for role in live.roles if role["name"] == control.user == live.connection.user]
    if own and not own[0]["attributes"]["rolsuper"]:
        raise Problem(
            f"{control.user} is a superuser there, and is none on the live server",
            where=where,
            do="name a service with another superuser, or one with this role as it is on the live server",
        )
    live.unknown(control, {name for name, ours in there if not ours})
    return True


def _roles_there(session: Session) -> list[tuple[str, bool]]:
    """The roles of a server, each with whether a test restore has made it."""
    return session.execute(ROLES_THERE, [COMMENT]).fetchall()


def _names(session: Session, query: str) -> set[str]:
    return {name for (name,) in session.execute(query.encode())}


def _make(session: Session, role: Mapping[str, Any], password: str) -> None:
    """Make a role with its attributes, under a comment that says what it is for."""
    name = sql.Identifier(role["name"])
    words = [word if role["attributes"][column] else f"no{word}" for word, column in ATTRIBUTES.items()]
    login: sql.Composable = sql.SQL("")
    if password:  # what the server may log is not the password
        hidden = session.pgconn.encrypt_password(password.encode(), role["name"].encode(), b"scram-sha-256").decode()
        login = sql.SQL("login password {}").format(sql.Literal(hidden))
    with session.transaction():
        session.execute(sql.SQL("create role {} {} {}").format(name, sql.SQL(" ".join(words)), login))
        session.execute(sql.SQL("comment on role {} is {}").format(name, sql.Literal(COMMENT)))


def _equip(session: Session, role: Mapping[str, Any]) -> list[str]:
    """Give a role its memberships and settings. Returns what could not be, in words."""
    name = sql.Identifier(role["name"])
    left = []
    for membership in role["memberships"]:
        words = " with admin option" if membership["admin_option"] else ""
        if "inherit_option" in membership:  # of a server that has them, so this one does too
            options = {word: str(membership[f"{word}_option"]).lower() for word in ("admin", "inherit", "set")}
            words = " with " + ", ".join(f"{word} {value}" for word, value in options.items())
        session.execute(sql.SQL("grant {} to {}" + words).format(sql.Identifier(membership["granted"]), name))
    for setting in role["settings"]:
        parameter, _, value = setting.partition("=")
        if parameter.endswith("_preload_libraries"):
            left.append(f"the setting {parameter} of {role['name']} is left out")
            continue
        try:
            with session.transaction():
                for statement in database_state.setting(sql.SQL("alter role {}").format(name), parameter, value):
                    session.execute(statement)
        except psycopg.Error as error:
            left.append(f"the setting {setting} of {role['name']} could not be made: {why(error)}")
    return left


def _drop_roles(session: Session) -> None:
    """Drop the roles that test restores have made, but for those that something depends on."""
    for name in [name for name, ours in _roles_there(session) if ours]:
        with contextlib.suppress(psycopg.Error):
            session.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
