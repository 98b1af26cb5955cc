"""A restore within the live database brings back what the backup holds, keeps what it could not make, or changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import pytest

from driver.backup import compare, hindrances, listing, manifest, restore, store
from driver.backup.catalogue import Findings
from driver.backup.take import take_backup
from driver.errors import Problem
from driver.macro_sql import render_macro
from support.backups import connection_of
from support.extensions import skip_without
from support.picture import differences, picture_of
from support.registry import AUDIT_SCHEMA, OWNER, SUPERUSER, Registry

if TYPE_CHECKING:
    from driver.profile import Connection

EVERY_KIND = Path(__file__).with_name("support").joinpath("every_kind_of_object.sql").read_text("utf-8")
OTHER_SCHEMA = '"Other ""schema"""'
THOROUGH = pytest.mark.thorough


@dataclass(frozen=True)
class Case:
    """What is in a database when the backup is taken, and what becomes of it until it is restored."""

    owner: str = ""
    superuser: str = ""
    damage: str = ""
    user: str = OWNER


PARTITIONED = """
create table measure (id integer, at date) partition by range (at);
create table measure_2026 partition of measure for values from ('2026-01-01') to ('2027-01-01');
insert into measure select i, date '2026-06-01' + i from generate_series(1, 10) as i;
"""
CASES = {
    "partitions": Case(PARTITIONED, damage="delete from measure where id > 5"),
    "partitions of partitions": Case(
        "create table region (id integer, kind text, primary key (id, kind)) partition by list (kind);"
        "create table region_a partition of region for values in ('a') partition by hash (id);"
        "create table region_a1 partition of region_a for values with (modulus 2, remainder 0);"
        "create table region_a2 partition of region_a for values with (modulus 2, remainder 1);"
        "create table region_rest partition of region default;"
        "create index on region (id); insert into region select i, chr(97 + i % 3) from generate_series(1, 30) as i",
        damage="drop table region_a2; alter table region add extra text",
    ),
    "heirs and types": Case(
        "create type point_of as (x integer, y integer); create table points of point_of (primary key (x));"
        "create table parent (id integer generated always as identity, name text not null default 'x');"
        "create table heir (extra integer) inherits (parent); insert into heir (id, name, extra) values (1, 'a', 1);"
        "create view one as select * from parent; create view two as select * from one;"
        "create materialized view three as select * from two; create unique index on three (id);"
        "create domain short as varchar(9) check (value <> ''); create table owners (n bigserial, s short)",
        damage="drop view one cascade; drop type point_of cascade",
    ),
    # pg_restore puts a transaction of its own around these
    "large objects": Case(
        "select lo_from_bytea(0, 'first'); select lo_from_bytea(0, repeat('x', 9999)::bytea)",
        damage="select lo_unlink(oid) from pg_largeobject_metadata",
    ),
    "names and bodies like a script's": Case(
        'create table "a;\nb" ("x;\n""y" integer); insert into "a;\nb" values (4); create sequence "s;\n" start 7;'
        "create function script() returns text language sql as $$ select '\nCOPY t (id) FROM stdin;\n\\.\n--\n"
        "-- Name: t; Type: TABLE; Schema: public; Owner: x\n--\n' $$",
        damage='truncate "a;\nb"',
    ),
    "privileges of what is kept": Case(
        "alter default privileges grant select on tables to public",
        damage="alter default privileges revoke select on tables from public;"
        "alter default privileges revoke execute on functions from public;"
        "alter default privileges in schema public grant usage on types to public;"
        "comment on schema public is 'another'; grant create on schema public to public",
    ),
    "what only a superuser can make": Case(
        "create table notes (id integer primary key, body text, place ext.vector); create index on notes (body_key(body));"
        "create view norms as select ext.vector_norm(place), body_key(body) from notes;"
        "insert into notes values (1, 'A', '[1,2]'); create table ext.of_owner as select 1 as one",
        f"create schema ext; grant usage, create on schema ext to {OWNER}; create extension vector schema ext;"
        "create function body_key(text) returns text language internal immutable strict as 'lower';"
        "create function watch() returns event_trigger language plpgsql as 'begin end';"
        "create event trigger watcher on ddl_command_end execute function watch()",
        "delete from notes; drop view norms; insert into ext.of_owner values (2)",
    ),
    "an extension of the owner's schema": Case(
        "create table ext.notes (place ext.vector); insert into ext.notes values ('[1,2]')",
        f"create schema ext authorization {OWNER}; create extension vector schema ext",
        "drop table ext.notes; grant usage on schema ext to public",
    ),
    "every kind": Case(superuser=EVERY_KIND, damage=f"drop view {OTHER_SCHEMA}.named", user=SUPERUSER),
    "every kind in public": Case(
        superuser="\n".join(
            line for line in EVERY_KIND.splitlines() if not line.startswith(("create schema", "set search_path"))
        ).replace(OTHER_SCHEMA, "public"),
        damage="drop table parent cascade; drop event trigger ddl; create cast (text as bytea) without function",
        user=SUPERUSER,
    ),
}
QUICK = {
    "partitions",
    "privileges of what is kept",
    "what only a superuser can make",
    "every kind in public",
}


def _fill(registry: Registry, case: Case) -> Connection:
    skip_without(registry.server, case.superuser)
    registry.execute(case.superuser or "select 1", user=SUPERUSER)
    registry.execute(case.owner or "select 1")
    return connection_of(registry.server, user=case.user)


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else THOROUGH) for name in CASES])
def test_all_is_as_it_was_at_the_backup(name: str, empty_registry: Registry, tmp_path: Path) -> None:
    case, connection = CASES[name], _fill(empty_registry, CASES[name])
    before = picture_of(empty_registry, AUDIT_SCHEMA)
    backup = take_backup(connection, directory=tmp_path)
    empty_registry.execute(case.damage, user=case.user)
    damaged = picture_of(empty_registry, AUDIT_SCHEMA)
    assert differences(before, damaged) or name == "large objects"

    restored = restore.restore(connection, backup, in_place=True, directory=tmp_path)

    new = {("schema", AUDIT_SCHEMA)}
    assert differences(before, picture_of(empty_registry, AUDIT_SCHEMA)).keys() <= new
    if case.user == OWNER:
        safety = store.find(connection, restored.safety_backup, tmp_path)
        restore.restore(connection, safety, in_place=True, directory=tmp_path)
        assert differences(damaged, picture_of(empty_registry, AUDIT_SCHEMA)).keys() <= new


@pytest.mark.parametrize(
    "fault",
    ["the comparison", "a dump cut short"]
    + [pytest.param(name, marks=THOROUGH) for name in ("pg_restore killed", "its session ended")],
)
def test_what_fails_late_leaves_everything_as_it_was(
    fault: str, empty_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Large objects come last of what is loaded; once, they committed what was before them.
    connection = _fill(empty_registry, CASES["large objects"])
    empty_registry.execute(PARTITIONED)
    # more than what a pipe holds, so that pg_restore is still at work when the first table is there
    empty_registry.execute("create table z as select i, repeat('x', 90) as filling from generate_series(1, 9000) as i")
    backup = take_backup(connection, directory=tmp_path)
    empty_registry.execute("delete from measure where id > 5; select lo_from_bytea(0, 'since')")
    objects = "select array_agg(lo_get(oid) order by oid)::text from pg_largeobject_metadata"
    before, held = picture_of(empty_registry, AUDIT_SCHEMA), empty_registry.value(objects)

    def hit(step: str, done: int, _total: int) -> None:
        if step != "restore (bytes)" or not done:
            return
        if fault == "pg_restore killed":
            for child in psutil.Process().children():
                if child.name().startswith("pg_restore"):
                    child.kill()
        if fault == "its session ended":
            empty_registry.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where query like 'COPY%' and pid <> pg_backend_pid()"
            )

    if fault == "the comparison":
        monkeypatch.setattr(compare, "other_differences", lambda *_, **__: Findings(["something"], []))
    if fault == "a dump cut short":
        monkeypatch.setattr(manifest, "check_files", lambda *_: None)
        for file in (backup.folder / "dump").glob("*.dat*"):
            file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(Problem, match=r"as it was|something else.*as it was"):
        restore.restore(connection, backup, in_place=True, directory=tmp_path, progress=hit)

    assert differences(before, picture_of(empty_registry, AUDIT_SCHEMA)) == {}
    assert empty_registry.value(objects) == held


def test_a_refusal_names_the_entry_and_all_that_the_server_said(
    empty_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connection_of(empty_registry.server)
    monkeypatch.setattr(hindrances, "require", lambda *_, **__: None)
    body = (
        "begin if current_setting('test.refuse', true) = 'yes' then raise exception 'no path' using hint = 'set one';"
        " end if; return $1; end"
    )
    empty_registry.execute(
        f"create function path_of(text) returns text language plpgsql immutable as $$ {body} $$;"
        "create table notes (body text); insert into notes values ('a')"
    )
    for made, entry, undo in (
        ("create index notes_path on notes (path_of(body))", "INDEX public.notes_path", "drop index notes_path"),
        ("alter table notes add check (path_of(body) <> 'x')", "TABLE DATA public.notes", "drop table notes"),
    ):
        empty_registry.execute(made)
        backup = take_backup(connection, directory=tmp_path)
        empty_registry.execute(f"alter role {OWNER} in database registry set test.refuse = 'yes'", user=SUPERUSER)
        with pytest.raises(Problem) as raised:
            restore.restore(connection, backup, in_place=True, directory=tmp_path)
        empty_registry.execute(f"alter role {OWNER} in database registry reset test.refuse", user=SUPERUSER)
        for part in (entry, "no path", "set one", "PL/pgSQL function public.path_of(text)", "as it was"):
            assert part in str(raised.value)
        assert empty_registry.value("select count(*) from notes") == 1
        empty_registry.execute(undo)


def test_what_needs_the_tables_and_belongs_to_others_is_refused(empty_registry: Registry, tmp_path: Path) -> None:
    connection = _fill(empty_registry, Case(PARTITIONED))
    backup = take_backup(connection, directory=tmp_path)
    empty_registry.execute("create view of_superuser as select id from measure", user=SUPERUSER)
    before = picture_of(empty_registry, AUDIT_SCHEMA)
    with pytest.raises(Problem, match=r"of_superuser"):
        restore.restore(connection, backup, in_place=True, directory=tmp_path)
    assert differences(before, picture_of(empty_registry, AUDIT_SCHEMA)) == {}
    # A view that came after the refusal's question is not dropped with what it reads.
    with pytest.raises(psycopg.errors.RaiseException, match="of_superuser"), empty_registry.connect() as session:
        session.execute(render_macro("database_emptying").encode())


@pytest.mark.parametrize("tables", [20, pytest.param(80, marks=THOROUGH)])
def test_the_locks_it_takes_are_no_more_than_was_said(
    tables: int, empty_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connection_of(empty_registry.server)
    empty_registry.execute(
        "create function touched() returns trigger language plpgsql as 'begin return new; end';"
        f"do $$ begin for i in 1..{tables} loop execute format('"
        "create table t_%1$s (id bigserial primary key, a text not null default 1, up integer unique references t_%1$s (up),"
        " check (a <> %2$L));"
        "create index on t_%1$s (a); create view v_%1$s as select * from t_%1$s; create type e_%1$s as enum (%2$L);"
        "create trigger touch before insert on t_%1$s for each row execute function touched();"
        "create policy p on t_%1$s using (true); comment on table t_%1$s is %2$L; grant select on t_%1$s to public;"
        "create statistics s_%1$s on a, up from t_%1$s; select lo_create(0)', i, 'x'); end loop; end $$"
    )
    (said,) = empty_registry.rows(f"select in_place from ({render_macro('lock_table')}) as l")[0]
    taken: list[int] = []
    log = listing.log

    def counting(session: psycopg.Connection[Any], *rest: Any) -> None:
        row = session.execute("select count(*) from pg_locks where pid = pg_backend_pid()").fetchone()
        taken.append(row[0] if row else 0)
        log(session, *rest)

    monkeypatch.setattr(listing, "log", counting)
    restore.restore(connection, take_backup(connection, directory=tmp_path), in_place=True, directory=tmp_path)
    assert 0.6 * said < taken[-1] <= said


def test_more_objects_than_locks_are_refused_with_the_setting_they_need(
    empty_registry: Registry, tmp_path: Path
) -> None:
    connection = _fill(empty_registry, Case(PARTITIONED))
    backup = take_backup(connection, directory=tmp_path)
    empty_registry.execute(f"drop table measure; drop schema {AUDIT_SCHEMA} cascade")
    room = empty_registry.value(f"select room::integer from ({render_macro('lock_table')}) as l")
    # A backup of many objects, and a database that lost them.
    backup.manifest.catalogue.extend([["column", f"public.measure.c{number}", "text"] for number in range(room)])
    with pytest.raises(Problem, match=r"max_locks_per_transaction set to \d+") as raised:
        restore.restore(connection, backup, in_place=True, directory=tmp_path)
    assert "room for" in str(raised.value)
    assert len(list(store.folder_of(connection, tmp_path).glob("*Z-registry"))) == 1
