"""Definitions are compared as the server means them, not as it writes them: never two for one, and never one for two."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conftest import SUPPORTED, majors
from driver.backup import catalogue, compare, restore, take
from driver.backup.session import pinned
from driver.backup.take import take_backup
from driver.errors import Problem
from driver.server_programs import installed_servers
from support.backups import connection_of, drop_all
from support.registry import AUDIT_SCHEMA, OWNER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.backup.store import Backup
    from driver.embedded_server import EmbeddedServer
    from driver.profile import Connection

WRITTEN_OTHERWISE = Path(__file__).parent / "support" / "written_otherwise.sql"
# The one object that is named, and what makes it really another.
REALLY_OTHER: dict[str, list[str]] = {
    "view spelling.v_in_list_varchar": [
        "create or replace view v_in_list_varchar as select id from t where code in ('a', 'c')"
    ],
    "view spelling.v_scalar_null": ["create or replace view v_scalar_null as select id, (select 'null') as z from t"],
    "view spelling.v_any_subquery": [
        "create or replace view v_any_subquery as select id from t where code <> any (select 'a')"
    ],
    "view spelling.v_lateral": ["alter view v_lateral set (security_barrier)"],
    "index spelling.m_known": [
        "drop index m_known; create unique index m_known on m ((id in (1, 2)), id) where id::text::varchar in ('1', '3')"
    ],
    "index spelling.t_part": [
        "drop index t_part; create index t_part on t (id) where code not in ('a', 'b')",
        "drop index t_part; create index t_part on t (id desc) where code in ('a', 'b')",
        "drop index t_part; create index t_part on t (id)",
    ],
    "index spelling.t_known": ["drop index t_known; create index t_known on t ((code in ('a', 'b', 'b ')))"],
    "index spelling.t_whole": [
        "drop index t_whole; create index t_whole on t (is_known(t), id) where code in ('b', 'c')"
    ],
    "constraint spelling.t.known": [
        "alter table t drop constraint known, add constraint known check (code in ('a', 'b') and id > 0) not valid"
    ],
    "constraint spelling.t.never": [
        "alter table t drop constraint never, add constraint never check (code not in ('zz', 'zzz')) no inherit",
        "alter table t drop constraint never, add constraint never check (code not in ('zz', 'zzz')) not valid",
    ],
    "constraint spelling.t.whole": [
        "alter table t drop constraint whole, add constraint whole check (is_known(t) and code in ('zz', 'yy')) not valid"
    ],
    "constraint spelling.t.apart": [
        "alter table t drop constraint apart, add constraint apart exclude using btree (id with =) where (code in ('a'))"
    ],
    "column spelling.t.is_default": [
        "alter table t alter is_default set default ('y'::varchar(5) in ('a', 'b'))",
        "alter table t alter is_default set not null",
        "alter table t alter is_default drop default",
    ],
    "column spelling.t.is_kept": ["alter table t alter is_kept drop expression"],
    "statistics spelling.t_known_statistics": [
        (
            "drop statistics t_known_statistics;"
            " create statistics t_known_statistics on (code in ('a', 'c')), parent from t"
        )
    ],
    'trigger spelling.t."when known"': [
        (
            'drop trigger "when known" on t; create trigger "when known" after update on t for each row'
            " when (new.code in ('a', 'b') and new is not distinct from old) execute function nothing();"
            ' alter table t disable trigger "when known"'
        ),
        'alter table t enable trigger "when known"',
    ],
    'trigger spelling.t."TRIGGER"': [
        (
            'drop trigger "TRIGGER" on t; create constraint trigger "TRIGGER" after insert on t deferrable'
            " for each row execute function nothing()"
        )
    ],
    'rule spelling.t."on"': [
        "create or replace rule \"on\" as on update to t where new.code in ('a', 'b') do also select 1"
    ],
    "rule spelling.v_exists_select_null.quiet": [
        "create or replace rule quiet as on update to v_exists_select_null where new.code in ('a', 'b') do also select 2"
    ],
    'policy spelling.t."using"': [
        "drop policy \"using\" on t; create policy \"using\" on t for update using (code in ('a', 'b'))",
        "alter policy \"using\" on t using (code in ('a', 'c'))",
    ],
    "policy spelling.t.added": ["alter policy added on t with check (code not in ('a', 'b'))"],
    "function spelling.known()": [
        (
            "create or replace function known() returns boolean language sql"
            " begin atomic select not exists (select null from t); end"
        )
    ],
    "function spelling.defaulted(a boolean)": [
        (
            "create or replace function defaulted(a boolean default 'x'::varchar in ('a', 'c')) returns boolean"
            " language plpgsql as $$ begin return a; end $$"
        )
    ],
    "procedure spelling.done()": [
        (
            "create or replace procedure done() language sql"
            " begin atomic update t set s = s where exists (select 'x' from t); end"
        )
    ],
    "constraint spelling.code.known": [
        "alter domain code drop constraint known; alter domain code add constraint known check (value in ('a', 'b'))"
    ],
    "domain spelling.flag": ["alter domain flag set default ('x'::varchar(5) not in ('a', 'b'))"],
    "publication table copies spelling.t": [
        "alter publication copies set table t (id, code) where (id > 0 and code <> 'b')",
        "alter publication copies set table t (code, id, s) where (id > 0 and code <> 'a')",
    ],
    "partitioned table spelling.parts": [
        "drop table parts; create table parts (code varchar(5), n integer) partition by list ((code in ('a', 'c')))"
    ],
}


def _write_otherwise(server: EmbeddedServer) -> Connection:
    server.drop_database("written")
    server.create_database("written", OWNER)
    with server.connect("written", OWNER) as session:
        session.execute(WRITTEN_OTHERWISE.read_bytes())
    return connection_of(server, "written")


@pytest.fixture(scope="module")
def written_otherwise(servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connection, Backup]]:
    """A database of objects that the server writes otherwise each time, and its backup."""
    server = servers.server(majors()[-1])
    connection = _write_otherwise(server)
    yield connection, take_backup(connection, directory=tmp_path_factory.mktemp("written"))
    drop_all(server, "written")


@pytest.mark.every_major
def test_what_is_only_written_otherwise_is_the_same(
    server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = _write_otherwise(server)
    backup = take_backup(connection, directory=tmp_path)
    otherwise: Counter[str] = Counter()
    compared = catalogue.differences

    def count(session: Any, found: catalogue.Objects, wanted: catalogue.Objects, major: int) -> catalogue.Findings:
        texts = {(kind, name): text for kind, name, text in wanted}
        otherwise.update(kind for kind, name, text in found if texts[kind, name] != text)
        return compared(session, found, wanted, major)

    monkeypatch.setattr(catalogue, "differences", count)
    verified = take.verify_backup(connection, backup).verification
    assert verified
    assert verified.apart == []
    assert otherwise["view"] >= 50
    assert otherwise.keys() == {
        *("view", "materialized view", "rule", "policy", "function", "procedure", "constraint", "column", "index"),
        *("trigger", "statistics", "domain", "partitioned table"),
    }


@pytest.mark.parametrize(
    ("named", "statements"), [(named, statements) for named, each in REALLY_OTHER.items() for statements in each]
)
def test_what_is_really_another_is_named(
    named: str, statements: str, written_otherwise: tuple[Connection, Backup]
) -> None:
    connection, backup = written_otherwise
    with pinned(connection) as session, session.transaction(force_rollback=True):
        session.execute("set local search_path = spelling; set local client_min_messages = error")
        session.execute(statements.encode())
        session.execute("set local search_path = ''")
        lines = compare.other_differences(session, backup.manifest, connection.audit_schema).differences
    assert [line.split(", with ")[0] for line in lines if "defined" in line] == [f"{named}: defined otherwise"]


@pytest.mark.parametrize("mode", ["beside", pytest.param("in place", marks=pytest.mark.thorough)])
def test_after_a_restore_the_baseline_says_how_the_same_is_written_now(mode: str, servers: Any, tmp_path: Path) -> None:
    server = servers.server(majors()[-1])
    connection = _write_otherwise(server)
    with pinned(connection) as session:
        session.execute(
            f"create schema {AUDIT_SCHEMA}; create table {AUDIT_SCHEMA}.catalogue_baseline"
            " (object_kind text, object_name text, definition text)".encode()
        )
        session.cursor().executemany(
            f"insert into {AUDIT_SCHEMA}.catalogue_baseline values (%s, %s, %s)".encode(),
            catalogue.read(session, AUDIT_SCHEMA),
        )
        session.execute(
            f"update {AUDIT_SCHEMA}.catalogue_baseline set definition = 'other' where object_name = 'spelling.v_cte'".encode()
        )
    backup = take_backup(connection, directory=tmp_path)
    restore.restore(connection, backup, directory=tmp_path, in_place=mode == "in place")
    with pinned(connection) as session:
        rows = session.execute(
            f"select object_kind, object_name, definition from {AUDIT_SCHEMA}.catalogue_baseline".encode()
        )
        baseline = {(kind, name, text) for kind, name, text in rows}
        now = {(kind, name, text) for kind, name, text in catalogue.read(session, AUDIT_SCHEMA)}
    assert {(kind, name) for kind, name, _ in baseline - now} == {("view", "spelling.v_cte")}
    drop_all(server, "written")


# ---- a backup of an older major version

OLD_AND_NEW = """
create domain code_of_old as text not null check (value <> '');
create collation plain_of_old (provider = libc, locale = 'C');
create operator === (leftarg = text, rightarg = text, function = texteq);
create text search configuration words_of_old (copy = simple);
create publication of_old for table t (id, code);
grant all on t to public;
grant select on m to public;
alter default privileges in schema spelling grant all on tables to public;
"""


@pytest.mark.thorough
@pytest.mark.every_major
def test_a_backup_of_an_older_major_is_restored_and_compared(servers: Any, major: int, tmp_path: Path) -> None:
    older = min(installed_servers().keys() & set(SUPPORTED))
    old, new = servers.server(older), servers.server(major)
    _write_otherwise(old)
    with old.connect("written", OWNER) as session:
        session.execute("set search_path = spelling")
        session.execute(OLD_AND_NEW.encode())
    backup = take_backup(connection_of(old, "written"), directory=tmp_path)
    connection = connection_of(new, "written_later")
    drop_all(new, "written_later")
    new.create_database("written_later", OWNER)
    restored = restore.restore(connection, backup, directory=tmp_path, from_elsewhere=True)
    told = " ".join(restored.apart)
    assert ("not-null constraints, which PostgreSQL 18 lists" in told) == (older < 18 <= major)
    assert ("privilege MAINTAIN, which came with PostgreSQL 17" in told) == (older < 17 <= major)
    for named, statement in [
        ("column spelling.t.id", "alter table spelling.t drop constraint t_pkey cascade, alter id drop not null"),
        ("grant on table spelling.m to PUBLIC", "grant all on spelling.m to public"),
        ("collation spelling.plain_of_old", "comment on collation spelling.plain_of_old is 'x'"),
        ("operator", "drop operator spelling.=== (text, text)"),
        ("publication of_old", "alter publication of_old set (publish = 'insert')"),
    ]:
        with pinned(connection) as session, session.transaction(force_rollback=True):
            session.execute(statement.encode())
            found = compare.other_differences(session, backup.manifest, connection.audit_schema)
        assert any(named in line for line in found.differences), (named, found)
    if older < major:
        back = take_backup(connection, directory=tmp_path)
        with pytest.raises(Problem, match="or newer"):
            restore.plan(connection_of(old, "written"), back, from_elsewhere=True)
    drop_all(new, "written_later")
    drop_all(old, "written")


@pytest.mark.parametrize(
    ("kind", "name", "was", "now", "reason"),
    [
        ("schema", "public", "owner postgres", "owner pg_database_owner", "schema public"),
        ("schema", "public", "owner postgres", "owner somebody", ""),
        ("schema", "other", "owner postgres", "owner pg_database_owner", ""),
        (
            "grant",
            "on schema public to PUBLIC",
            "CREATE from a, USAGE from a",
            "USAGE from pg_database_owner",
            "schema public",
        ),
        ("grant", "on schema public to PUBLIC", "CREATE from a, USAGE from a", None, ""),
        ("grant", "on schema public to a", "CREATE from a, USAGE from a", None, "schema public"),
        ("grant", "on schema public to b", "USAGE from a", None, ""),
        ("grant", "on schema public to pg_database_owner", None, "CREATE from pg_database_owner", "schema public"),
        ("collation", "c", '{"a": 1}', '{"a": 1, "b": 2}', "properties"),
        ("collation", "c", '{"a": 1}', '{"a": 2, "b": 2}', ""),
        ("collation", "c", '{"colliculocale": "de"}', '{"colllocale": "fr"}', ""),
        ("constraint", "t.c", None, "CHECK (true)", ""),
        ("grant", "on table t to b", "SELECT from a", "MAINTAIN from a, SELECT from a", ""),
    ],
)
def test_what_a_major_version_changes_by_itself(
    kind: str, name: str, was: str | None, now: str | None, reason: str
) -> None:
    told = catalogue._of_the_major(kind, name, [was] if was else [], [now] if now else [], (14, 18))
    assert reason in told
    assert bool(told) == bool(reason)
