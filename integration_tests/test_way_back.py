"""Whether there is a way back is known before a backup is begun: what the doctor says is what happens.

One line is one cell of a matrix, a role and what is in its database. Each step is tried whatever the doctor said of it:
what hinders it makes it fail, and what nothing hinders succeeds.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest

from driver.backup import hindrances, restore, take
from driver.backup.hindrances import BESIDE, DUMP, IN_PLACE, TRIAL
from driver.backup.session import pinned
from driver.backup.take import take_backup
from driver.dbt_project import CoreTable
from driver.doctor import CHECKS, examine
from driver.embedded_server import EmbeddedServer
from driver.errors import Problem
from support.backups import databases, drop_all
from support.extensions import skip_without
from support.sample_project import SampleProject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from driver import profile


DATABASE = "way_back"
OTHER = "other_team"
ROLES = {
    "owner": "createdb",
    "member": f"createdb in role {OTHER}",
    "uncreative": "",
    "statistician": "createdb in role pg_read_all_stats, pg_monitor",
    "postgres": "superuser",
}
CORE = "create table schools (id integer primary key, name text); insert into schools values (1, 'Arts'), (2, 'Law');"


class OneTable(SampleProject):
    """The project, if it had one core table."""

    def core_tables(self) -> list[CoreTable]:
        return [CoreTable("schools", "public", "schools", "id", "schools_cms_id_unique")]


@dataclass(frozen=True)
class Cell:
    """What is in a database, made by the superuser or by its owner, and what the doctor is to find in it.

    Attributes:
        superuser: what the superuser makes.
        owner: what the database's owner makes.
        found: the codes that the owner is told.
        member: one that a member of the other team is told.
    """

    superuser: str = ""
    owner: str = ""
    found: str = ""
    member: str = ""


FUNCTION = "create function {} language {} as {};"
NORM = (
    "create function plain(text) returns text language sql immutable as 'select lower($1)';"
    "create function norm(text) returns text language plpgsql immutable as 'begin return plain($1); end';"
)
# since PostgreSQL 17 an index is built, and a materialized view filled, as a restore does it: what is there came later
NOTES = NORM + "create table notes (name text);"
A_NOTE = ";insert into notes values ('A')"
LANGUAGE = (
    "create function words() returns text language sql as 'select current_setting(''app.words'')';set app.words = 'en';"
)
KNOWN = (
    "create table kinds (kind text primary key); insert into kinds values ('a');"
    "create function known(text) returns boolean language sql as"
    " 'select exists (select from public.kinds where kind = $1)';"
)
OF_OTHER = f"set role {OTHER};"
CELLS = {
    "nothing": Cell(),
    "range type": Cell("", "create type span as range (subtype = integer); create table spans (id integer, s span)"),
    # what cannot be read
    "schema": Cell("create schema private; create table private.payroll (id integer)", found="unreadable"),
    "table": Cell("create table payroll (id integer); alter table payroll owner to postgres", found="unreadable"),
    "sequence": Cell("create sequence numbers", found="unreadable"),
    "large object": Cell("select lo_from_bytea(0, 'x')", found="unreadable"),
    "partitioned table": Cell("create table parts (id integer) partition by range (id)", found="unreadable"),
    "forced row security": Cell(
        "",
        "create table notes (id integer); alter table notes enable row level security, force row level security",
        found="row_security_elsewhere",
    ),
    "row security": Cell("", "create table notes (id integer); alter table notes enable row level security"),
    "row security of another": Cell(
        "create table notes (id integer); grant all on notes to public; alter table notes enable row level security",
        found="row_security_elsewhere owned_by_another",
    ),
    # what cannot be given back to its owner
    "readable table of another": Cell(
        "create schema theirs; grant usage on schema theirs to public;"
        " create table theirs.notes (id integer); grant select on theirs.notes to public",
        found="owned_by_another",
    ),
    "schema of a team": Cell(
        f"create schema theirs authorization {OTHER}; {OF_OTHER} create table theirs.notes (id integer);"
        " grant usage on schema theirs to public; grant select on theirs.notes to public",
        found="owned_by_another",
    ),
    "a team's table in the owner's schema": Cell(
        f"grant create on schema public to {OTHER}; {OF_OTHER} create table notes (id integer);"
        " grant select on notes to public",
        found="owned_by_another",
        member="owner_without_create",
    ),
    "a team's table in another's schema": Cell(
        f"create schema theirs; grant usage, create on schema theirs to {OTHER}; {OF_OTHER}"
        " create table theirs.notes (id integer); grant select on theirs.notes to public; reset role;"
        " grant usage on schema theirs to public",
        found="owned_by_another",
        member="owner_without_create",
    ),
    "function of another": Cell(
        "create function one() returns integer language sql as 'select 1'", found="owned_by_another"
    ),
    "type of another": Cell("create type mood as enum ('good')", found="owned_by_another"),
    "domain of another": Cell("create domain short as text", found="owned_by_another"),
    "view of another": Cell("create view names as select 1 as one", found="owned_by_another"),
    "default privileges of another": Cell(
        "alter default privileges for role postgres grant select on tables to public", found="owned_by_another"
    ),
    "privilege granted on": Cell(
        f"create role courier; grant select on schools to {OTHER} with grant option; {OF_OTHER}"
        " grant select on schools to public; reset role; drop role courier",
        found="granted_by_another",
    ),
    # what only a superuser may make
    "function in C": Cell(
        "create function similar(internal) returns internal language internal as 'array_subscript_handler';"
        "alter function similar owner to {owner}",
        found="superusers_object",
    ),
    "leakproof function": Cell(
        "create function one() returns integer language sql leakproof as 'select 1'; alter function one owner to {owner}",
        found="superusers_object",
    ),
    "function with a setting": Cell(
        "create function one() returns integer language sql set session_replication_role = replica as 'select 1';"
        "alter function one owner to {owner}",
        found="superusers_object",
    ),
    "event trigger": Cell(
        "create function watch() returns event_trigger language plpgsql as 'begin end';"
        "alter function watch owner to {owner}; create event trigger watcher on ddl_command_end execute function watch()",
        found="superusers_object",
    ),
    "publication of all": Cell(
        "create publication everything for all tables",
        found="superusers_object",
    ),
    "publication of one": Cell(
        "", "create table notes (id integer primary key); create publication one for table notes"
    ),
    "foreign data wrapper": Cell("create foreign data wrapper elsewhere", found="superusers_object"),
    "foreign server": Cell(
        "create foreign data wrapper elsewhere; grant usage on foreign data wrapper elsewhere to {owner};"
        " create server far foreign data wrapper elsewhere; alter server far owner to {owner}",
        found="superusers_object",
    ),
    "binary cast": Cell(
        "create cast (bytea as text) without function",
        found="superusers_object",
    ),
    "cast of the system's types": Cell(
        "create cast (integer as text) with inout as implicit",
        "create view written as select id, id::text as key from (values (1)) as v (id)",
        found="superusers_object",
    ),
    "cast that a default uses": Cell(
        "create cast (text as integer) with inout as assignment;"
        "create table notes (number integer default '1'::text); alter table notes owner to {owner}",
        found="superusers_object",
    ),
    "cast by a function that a default uses": Cell(
        "create function parts(text) returns integer immutable language sql as 'select 1';"
        "create cast (text as integer) with function parts(text) as assignment;"
        "create table notes (number integer default 'a'::text); alter table notes owner to {owner}",
        found="superusers_object",
    ),
    "binary cast that a check uses": Cell(
        "create cast (bytea as json) without function;"
        "create table notes (body bytea check (body::json is not null)); alter table notes owner to {owner}",
        found="superusers_object",
    ),
    "cast of the owner's types": Cell(
        "create cast (mood as integer) with inout; create cast (mood[] as text) with inout;"
        "create cast (text as mood) with function mood_of(text) as assignment",
        "create type mood as enum ('good', '1');"
        "create function mood_of(text) returns mood immutable language sql as 'select ''good''::public.mood'",
    ),
    "cast of a team's type": Cell(
        f"create schema theirs authorization {OTHER}; {OF_OTHER} create type theirs.mood as enum ('good');"
        " create cast (theirs.mood as integer) with inout; grant usage on schema theirs to public",
        found="owned_by_another superusers_object",
    ),
    "operator class of the system's family": Cell(
        "create operator class mine for type integer using hash family integer_ops as storage integer",
        found="superusers_object",
    ),
    "text search parser": Cell(
        "create text search parser mine (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype)",
        found="superusers_object",
    ),
    "text search template": Cell(
        "create text search template mine (lexize = dsimple_lexize)", found="superusers_object"
    ),
    "function with a planner's support": Cell(
        "create function one() returns integer language sql support generate_series_int4_support as 'select 1';"
        "alter function one owner to {owner}",
        found="superusers_object",
    ),
    "shell type": Cell("create type later; alter type later owner to {owner}", found="superusers_object"),
    "base type": Cell(
        "create type label; create function label_in(cstring) returns label immutable strict language internal as 'textin';"
        "create function label_out(label) returns cstring immutable strict language internal as 'textout';"
        "create type label (input = label_in, output = label_out, like = text); alter type label owner to {owner};"
        "alter function label_in owner to {owner}",
        found="superusers_object",
    ),
    "language withheld": Cell("revoke usage on language plpgsql from public", found="language_withheld"),
    "privilege on a system type": Cell("revoke usage on type json from public"),
    "privilege on a system schema": Cell("grant create on schema pg_catalog to {owner}"),
    "privilege on a system column": Cell(
        "grant select (rolname) on pg_catalog.pg_authid to {owner}", found="granted_by_another"
    ),
    "operator family": Cell(
        "create operator family mine using btree; alter operator family mine using btree owner to {owner}",
        found="superusers_object",
    ),
    "access method": Cell(
        "create access method heaps type table handler heap_tableam_handler", found="superusers_object"
    ),
    "trusted extension": Cell("create extension words"),
    "trusted extension of an older version": Cell("create extension words version '1.0'"),
    "trusted extension with a privilege of its own": Cell(
        f"create extension words; grant execute on function words_of(text) to {OTHER}"
    ),
    "untrusted extension": Cell("create extension measures", found="extension"),
    "untrusted extension in C": Cell("create extension vector", found="extension"),
    "untrusted extension with rows of its own": Cell("create extension configured", found="extension unreadable"),
    "privilege on a system function": Cell(
        "grant execute on function pg_catalog.pg_ls_dir(text) to {owner}", found="granted_by_another"
    ),
    "privilege on a system view": Cell("grant select on pg_catalog.pg_locks to {owner}"),
    "subscription": Cell(
        "create subscription from_afar connection 'dbname=nowhere' publication p with (connect = false)",
        found="subscription",
    ),
    # what is evaluated
    "index by a function": Cell("", NOTES + "create index on notes (norm(name))" + A_NOTE, found="evaluation_fails"),
    "index by a sound function": Cell(
        "",
        NORM + "alter function norm(text) set search_path = public; create index on schools (norm(name))",
    ),
    "index by a function of an empty table": Cell(
        "", NORM + "create table notes (name text); create index on notes (norm(name))"
    ),
    "partial index": Cell(
        "",
        NOTES + "create index on notes (name) where norm(name) <> 'x'" + A_NOTE,
        found="evaluation_fails",
    ),
    "generated column": Cell(
        "",
        NORM + "alter table schools add slug text generated always as (norm(name)) stored",
        found="evaluation_fails",
    ),
    "check": Cell("", NORM + "alter table schools add check (norm(name) <> 'x')", found="evaluation_fails"),
    "check not valid": Cell("", NORM + "alter table schools add check (norm(name) <> 'x') not valid"),
    "materialized view": Cell(
        "", LANGUAGE + "create materialized view names as select words() from schools", found="evaluation_fails"
    ),
    "materialized view of a view": Cell(
        "",
        LANGUAGE + "create view slugs as select words() from schools; create materialized view names as table slugs",
        found="evaluation_fails",
    ),
    "materialized view not filled": Cell(
        "", LANGUAGE + "create materialized view names as select words() from schools with no data"
    ),
    "statistics": Cell("", NORM + "create statistics s on (norm(name)), id from schools", found="evaluation_fails"),
    "domain": Cell(
        "",
        NORM + "create domain slug as text check (norm(value) <> 'x'); create table slugs (s slug);"
        "insert into slugs values ('a')",
        found="evaluation_fails",
    ),
    "check by another table": Cell(
        "",
        KNOWN + "create table a_things (kind text check (known(kind)), more text);"
        "insert into a_things select 'a', repeat('x', 100) from generate_series(1, 5000)",
        found="evaluation_reads",
    ),
    "check by the clock": Cell(
        "",
        "create table terms (due timestamptz check (due >= clock_timestamp()));"
        "insert into terms values (clock_timestamp() + '0.1s'); select pg_sleep(0.2)",
        found="evaluation_fails",
    ),
    "check by a sound clock": Cell(
        "", "create table terms (due date check (due <= current_date)); insert into terms values (current_date)"
    ),
}


@pytest.fixture
def database(server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """A server with the roles of the matrix, on which the cell's database is made and dropped."""
    for name, attributes in {OTHER: "", **ROLES}.items():
        if name not in server.passwords:
            server.create_role(name, attributes=attributes)
    yield server
    for name in databases(server, DATABASE):
        with suppress(psycopg.Error), server.connect(name) as session:
            session.execute("alter subscription from_afar set (slot_name = none); drop subscription from_afar")
    drop_all(server, DATABASE)


def fill(server: EmbeddedServer, role: str, cell: Cell) -> None:
    server.create_database(DATABASE, role)
    with server.connect(DATABASE, role) as session:
        session.execute(CORE)
        if cell.owner:
            session.execute(cell.owner)
    with server.connect(DATABASE) as session:
        if cell.superuser:
            session.execute(cell.superuser.replace("{owner}", role))


def outcomes(connection: profile.Connection, folder: Path, role: str) -> dict[str, str]:
    """What comes of each step that can be tried: its error, or nothing."""
    found: dict[str, str] = {}
    try:
        backup = take_backup(connection, directory=folder, jobs=2)
    except (Problem, psycopg.Error) as error:
        return {DUMP: str(error)}
    found[DUMP] = ""
    # With one worker: in the archive's order, in which a check that reads another table meets it empty each time.
    for step, attempt in (
        (TRIAL, lambda: take.verify_backup(connection, backup, jobs=1)),
        (IN_PLACE, lambda: restore.restore(connection, backup, in_place=True, directory=folder)),
        (BESIDE, lambda: restore.restore(connection, backup, jobs=1, directory=folder)),
    ):
        if step == IN_PLACE and role == "postgres":
            continue  # for roles without createdb; what it can replace has tests of its own
        try:
            attempt()
            found[step] = ""
        except (Problem, psycopg.Error) as error:
            found[step] = str(error)
            with suppress(Problem):
                restore.abandon(connection, directory=folder)
    return found


THOROUGH = pytest.mark.thorough
QUICK = {
    ("owner", "nothing"),
    ("uncreative", "nothing"),
    ("owner", "schema"),
    ("member", "a team's table in the owner's schema"),
    ("owner", "trusted extension"),
    ("owner", "untrusted extension"),
}
MATRIX = [
    pytest.param(role, name, id=f"{role}-{name}", marks=() if (role, name) in QUICK else THOROUGH)
    for name in CELLS
    for role in ROLES
    if role in ("owner", "postgres")
    or name in ("nothing", "schema", "untrusted extension", "trusted extension")
    or ("other" in repr(CELLS[name]) and role == "member")
]


@pytest.mark.parametrize(("role", "name"), MATRIX)
def test_what_the_doctor_says_is_what_happens(
    database: EmbeddedServer, role: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = CELLS[name]
    skip_without(database, cell.superuser)
    fill(database, role, cell)
    connection = database.reach(DATABASE, role, target="registry")
    diagnosis = examine(connection, OneTable())
    said = diagnosis.of_check("backup and way back")
    with pinned(connection) as session:
        found = hindrances.find(session, connection)
    assert {f.detail for f in said} == {h.detail for h in found}
    assert {h.code for h in found} <= set(CHECKS["backup and way back"][1].split())
    if role == "owner":
        assert set(cell.found.split()) <= {h.code for h in found}
        assert bool(found) == bool(cell.found)
    if role == "member" and cell.member:
        assert cell.member in {h.code for h in found}
    hindered = frozenset().union(*(h.hinders for h in found))
    monkeypatch.setattr(hindrances, "require", lambda *_, **__: None)
    happened = outcomes(connection, tmp_path, role)
    assert {step: bool(error) for step, error in happened.items()} == {step: step in hindered for step in happened}, (
        happened,
        found,
    )
    works = (
        not happened[DUMP] and not happened[TRIAL] and not (happened[BESIDE] and happened.get(IN_PLACE, "not tried"))
    )
    assert works == (not any(f.blocks == "both" for f in said)), (happened, said)


def test_the_lock_table_is_compared_with_what_a_backup_and_a_restore_in_place_lock(major: int, tmp_path: Path) -> None:
    settings = {"max_connections": "20", "max_locks_per_transaction": "10"}
    many = "do $$ begin for i in {} loop execute format('create table t%s (id integer {})', i); end loop; end $$"
    with EmbeddedServer(major=major, fsync=False, settings=settings) as server:
        server.create_role("owner", attributes="createdb")
        fill(server, "owner", Cell("", many.format("1..100", "primary key")))
        connection = server.reach(DATABASE, "owner", target="registry")
        with connection.connect() as session:
            (found,) = hindrances.find(session, connection)
            assert (found.code, found.hinders, found.blocks) == ("lock_table", frozenset({IN_PLACE}), False)
            take_backup(connection, directory=tmp_path, jobs=2)
            for first in (101, 251, 401):  # each a transaction, which may not lock more either
                session.execute(many.format(f"{first}..{first + 149}", ""))
            (found,) = hindrances.find(session, connection)
            assert (found.code, found.hinders, found.blocks) == ("lock_table", frozenset({DUMP, IN_PLACE}), True)
        with pytest.raises(
            Problem, match=r"locks 5\d\d tables.* room for \d+ locks .*max_locks_per_transaction set to 32 \(now 10\)"
        ):
            take_backup(connection, directory=tmp_path)
