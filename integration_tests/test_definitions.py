"""Definitions are compared as the server means them, not as it writes them: never two for one, and never one for two."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from driver.backup import catalogue, compare, verify
from driver.backup.session import pinned
from driver.backup.take import take_backup
from support.backups import connection_of, drop_all
from support.registry import OWNER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.backup.store import Backup
    from driver.embedded_server import EmbeddedServer
    from driver.profile import Connection

WRITTEN_OTHERWISE = Path(__file__).parent / "support" / "written_otherwise.sql"
# The one object that is named, and what makes it really another.
REALLY_OTHER = [
    (
        "view spelling.v_in_list_varchar",
        "create or replace view v_in_list_varchar as select id from t where code in ('a', 'c')",
    ),
    ("view spelling.v_scalar_null", "create or replace view v_scalar_null as select id, (select 'null') as z from t"),
    (
        "view spelling.v_any_subquery",
        "create or replace view v_any_subquery as select id from t where code <> any (select 'a')",
    ),
    ("view spelling.v_lateral", "alter view v_lateral set (security_barrier)"),
    (
        "index spelling.m_known",
        "drop index m_known; create unique index m_known on m ((id in (1, 2)), id) where id::text::varchar in ('1', '3')",
    ),
    ("index spelling.t_part", "drop index t_part; create index t_part on t (id) where code not in ('a', 'b')"),
    ("index spelling.t_part", "drop index t_part; create index t_part on t (id desc) where code in ('a', 'b')"),
    ("index spelling.t_part", "drop index t_part; create index t_part on t (id)"),
    ("index spelling.t_known", "drop index t_known; create index t_known on t ((code in ('a', 'b', 'b ')))"),
    (
        "index spelling.t_whole",
        "drop index t_whole; create index t_whole on t (is_known(t), id) where code in ('b', 'c')",
    ),
    (
        "constraint spelling.t.known",
        "alter table t drop constraint known, add constraint known check (code in ('a', 'b') and id > 0) not valid",
    ),
    (
        "constraint spelling.t.never",
        "alter table t drop constraint never, add constraint never check (code not in ('zz', 'zzz')) no inherit",
    ),
    (
        "constraint spelling.t.never",
        "alter table t drop constraint never, add constraint never check (code not in ('zz', 'zzz')) not valid",
    ),
    (
        "constraint spelling.t.whole",
        "alter table t drop constraint whole, add constraint whole check (is_known(t) and code in ('zz', 'yy')) not valid",
    ),
    (
        "constraint spelling.t.apart",
        "alter table t drop constraint apart, add constraint apart exclude using btree (id with =) where (code in ('a'))",
    ),
    ("column spelling.t.is_default", "alter table t alter is_default set default ('y'::varchar(5) in ('a', 'b'))"),
    ("column spelling.t.is_default", "alter table t alter is_default set not null"),
    ("column spelling.t.is_default", "alter table t alter is_default drop default"),
    ("column spelling.t.is_kept", "alter table t alter is_kept drop expression"),
    (
        "statistics spelling.t_known_statistics",
        (
            "drop statistics t_known_statistics;"
            " create statistics t_known_statistics on (code in ('a', 'c')), parent from t"
        ),
    ),
    (
        'trigger spelling.t."when known"',
        (
            'drop trigger "when known" on t; create trigger "when known" after update on t for each row'
            " when (new.code in ('a', 'b') and new is not distinct from old) execute function nothing();"
            ' alter table t disable trigger "when known"'
        ),
    ),
    ('trigger spelling.t."when known"', 'alter table t enable trigger "when known"'),
    (
        'trigger spelling.t."TRIGGER"',
        (
            'drop trigger "TRIGGER" on t; create constraint trigger "TRIGGER" after insert on t deferrable'
            " for each row execute function nothing()"
        ),
    ),
    (
        'rule spelling.t."on"',
        "create or replace rule \"on\" as on update to t where new.code in ('a', 'b') do also select 1",
    ),
    (
        "rule spelling.v_exists_select_null.quiet",
        "create or replace rule quiet as on update to v_exists_select_null where new.code in ('a', 'b') do also select 2",
    ),
    (
        'policy spelling.t."using"',
        "drop policy \"using\" on t; create policy \"using\" on t for update using (code in ('a', 'b'))",
    ),
    ('policy spelling.t."using"', "alter policy \"using\" on t using (code in ('a', 'c'))"),
    ("policy spelling.t.added", "alter policy added on t with check (code not in ('a', 'b'))"),
    (
        "function spelling.known()",
        (
            "create or replace function known() returns boolean language sql"
            " begin atomic select not exists (select null from t); end"
        ),
    ),
    (
        "function spelling.defaulted(a boolean)",
        (
            "create or replace function defaulted(a boolean default 'x'::varchar in ('a', 'c')) returns boolean"
            " language plpgsql as $$ begin return a; end $$"
        ),
    ),
    (
        "procedure spelling.done()",
        (
            "create or replace procedure done() language sql"
            " begin atomic update t set s = s where exists (select 'x' from t); end"
        ),
    ),
    (
        "constraint spelling.code.known",
        "alter domain code drop constraint known; alter domain code add constraint known check (value in ('a', 'b'))",
    ),
    ("domain spelling.flag", "alter domain flag set default ('x'::varchar(5) not in ('a', 'b'))"),
    (
        "partitioned table spelling.parts",
        "drop table parts; create table parts (code varchar(5), n integer) partition by list ((code in ('a', 'c')))",
    ),
]


def _written_otherwise(server: EmbeddedServer, directory: Path) -> tuple[Connection, Backup]:
    server.drop_database("written")
    server.create_database("written", OWNER)
    with server.connect("written", OWNER) as session:
        session.execute(WRITTEN_OTHERWISE.read_bytes())
    connection = connection_of(server, "written")
    return connection, take_backup(connection, directory=directory)


@pytest.fixture(scope="module")
def written_otherwise(servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connection, Backup]]:
    """A database of objects that the server writes otherwise each time, and its backup."""
    from conftest import majors

    server = servers.server(majors()[-1])
    yield _written_otherwise(server, tmp_path_factory.mktemp("written"))
    drop_all(server, "written")


@pytest.mark.every_major
def test_what_is_only_written_otherwise_is_the_same(
    server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, backup = _written_otherwise(server, tmp_path)
    otherwise: Counter[str] = Counter()
    differences = catalogue.differences

    def count(session: Any, found: catalogue.Objects, wanted: catalogue.Objects) -> catalogue.Findings:
        texts = {(kind, name): text for kind, name, text in wanted}
        otherwise.update(kind for kind, name, text in found if texts[kind, name] != text)
        return differences(session, found, wanted)

    monkeypatch.setattr(catalogue, "differences", count)
    verified = verify.verify_backup(connection, backup).verification
    assert verified
    assert verified.apart == []
    assert otherwise["view"] >= 50
    assert otherwise.keys() == {
        *("view", "materialized view", "rule", "policy", "function", "procedure", "constraint", "column", "index"),
        *("trigger", "statistics", "domain", "partitioned table"),
    }


@pytest.mark.parametrize(("named", "statements"), REALLY_OTHER)
def test_what_is_really_another_is_named(
    named: str, statements: str, written_otherwise: tuple[Connection, Backup]
) -> None:
    connection, backup = written_otherwise
    with pinned(connection) as session, session.transaction(force_rollback=True):
        session.execute("set local search_path = spelling; set local client_min_messages = error")
        session.execute(statements.encode())
        session.execute("set local search_path = ''")
        lines = compare.other_differences(session, backup.manifest, connection.audit_schema).differences
    others = {"index spelling.apart is defined otherwise than in the backup"}  # which is made for the constraint
    assert {line for line in lines if "defined" in line} - others == {
        f"{named} is defined otherwise than in the backup"
    }
