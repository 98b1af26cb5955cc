"""The comparison that calls a backup verified sees whatever a restore could do wrong; and the parts it is made of."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from driver.backup import catalogue, compare, journal, pg_tools, restore, store, take
from driver.backup.session import major_of, pinned
from driver.backup.take import take_backup
from driver.errors import Problem
from driver.progress import Bars
from support.backups import connection_of, databases, drop_all
from support.registry import OWNER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from driver.backup.store import Backup
    from driver.embedded_server import EmbeddedServer
    from driver.profile import Connection

CONTENT = """
create type mood as enum ('good', 'bad');
create table people (id serial primary key, name text not null, mood mood default 'good', weight numeric);
create table pets (id serial primary key, person integer references people on delete cascade, name text unique);
create index people_name on people (lower(name));
create view happy as select id, name from people where mood = 'good';
create function one() returns integer language sql as 'select 1';
insert into people (name, weight) select 'person ' || i, i / 10.0 from generate_series(1, 50) as i;
insert into pets (person, name) select i, 'pet ' || i from generate_series(1, 50) as i;
select lo_from_bytea(70001, 'a'), lo_from_bytea(70002, 'b');
"""
# What a faulty restore could leave, and what the comparison has to say of it.
FAULTS = {
    "update people set weight = 1.4 where id = 11": "people: 50 rows as before, other content",
    # a sum of the rows' hashes stays the same, with any seed
    "update people set weight = 0.3 - weight where id in (1, 2)": "people: 50 rows as before, other content",
    "select lo_put(70001, 0, 'b'), lo_put(70002, 0, 'a')": "large objects: 2 now, 2 in the backup",
    "update people set name = null where false; alter table people alter name drop not null": "people.name",
    "delete from pets where id = 7": "table public.pets: 49 rows in place of 50, missing",
    "insert into pets (person, name) values (null, 'extra')": "table public.pets: 51 rows in place of 50, additional",
    "update people set mood = 'bad' where id = 3": "people: 50 rows as before, other content",
    "drop table pets": "table public.pets: missing",
    "create table stray (id integer)": "table public.stray: additional, with",
    "alter table pets drop constraint pets_person_fkey": "pets_person_fkey: missing",
    "drop index people_name": "people_name: missing",
    "create or replace view happy as select id, name from people where mood = 'bad'": "happy: defined otherwise",
    "create or replace function one() returns integer language sql as 'select 2'": "one(): defined otherwise",
    "alter type mood add value 'mixed'": "mood: defined otherwise",
    "select setval('people_id_seq', 3)": "people_id_seq stands at 3, at the backup at 50",
    "drop sequence pets_id_seq cascade": "pets_id_seq is missing",
    "select lo_from_bytea(0, 'x')": "large objects: 3 now, 2 in the backup",
    "comment on table people is 'x'": "people: additional",
    "grant select on people to public": "people to PUBLIC: additional",
}


@pytest.fixture(scope="module")
def small_backup(servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connection, Backup]]:
    """A backup of a small database."""
    from conftest import majors

    server = servers.server(majors()[-1])
    server.drop_database("small")
    server.create_database("small", OWNER)
    with server.connect("small", OWNER) as session:
        session.execute(CONTENT)
    connection = connection_of(server, "small")
    yield connection, take_backup(connection, directory=tmp_path_factory.mktemp("small"))
    assert databases(server, "cmsid_scratch") == []
    drop_all(server, "small")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_restore_that_went_wrong_is_not_called_identical(
    fault: str, small_backup: tuple[Connection, Backup], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, backup = small_backup
    restore_rightly = pg_tools.restore

    def restore_wrongly(target: Connection, *arguments: Any, **options: Any) -> None:
        restore_rightly(target, *arguments, **options)
        with target.connect() as session:
            session.execute(fault.encode())

    monkeypatch.setattr(pg_tools, "restore", restore_wrongly)
    with pytest.raises(Problem, match="restored to something else") as refused:
        take.verify_backup(connection, backup)
    assert FAULTS[fault] in refused.value.format_message()
    assert store.read(backup.folder).verification is None


def test_what_no_restore_brings_back_is_told_and_is_no_difference(server: EmbeddedServer, tmp_path: Path) -> None:
    server.drop_database("extended")
    server.create_database("extended", OWNER)
    with server.connect("extended", OWNER) as session:
        session.execute(CONTENT.encode())
    with server.connect("extended") as session:
        session.execute("create extension words; create extension words_too version '1.0'")
        session.execute("comment on extension words is 'ours'")
        session.execute("update pg_index set indisvalid = false where indexrelid = 'people_name'::regclass")
    owners = connection_of(server, "extended")
    backup = take_backup(owners, directory=tmp_path, verify=True)
    told = (
        "Not restored: comment of extensions (words); owner of extensions (words);"
        " version of extensions (words_too); invalid indexes (public.people_name)"
    )
    assert backup.verification
    assert backup.verification.apart == [told]
    restored = restore.restore(owners, backup, directory=tmp_path)
    assert restored.apart == [told]
    again = take_backup(owners, directory=tmp_path, verify=True)
    assert again.verification
    assert again.verification.apart == []
    assert restore.put_back(owners, restored.replaced, directory=tmp_path).database == "extended"
    drop_all(server, "extended")


@pytest.mark.parametrize(
    ("was", "now", "difference"),
    [
        ("version 1.0, schema public, owner a", None, "extension x: missing"),
        (None, "version 1.0, schema public, owner a", "extension x: additional"),
        (
            "version 1.0, schema public, owner a",
            "version 1.0, schema other, owner a",
            "extension x: defined otherwise",
        ),
    ],
)
def test_an_extension_that_is_really_another_is_a_difference(
    was: str | None, now: str | None, difference: str, small_backup: tuple[Connection, Backup]
) -> None:
    wanted, found = ([["extension", "x", text]] if text else [] for text in (was, now))
    with pinned(small_backup[0]) as session:
        findings = catalogue.differences(session, found, wanted, major_of(session))
    assert findings.differences[0].startswith(difference)
    assert findings.apart == []


@pytest.mark.parametrize(
    ("increment", "was", "now", "behind"),
    [
        (1, 5, 5, False),
        (1, 5, 9, False),
        (1, 5, 4, True),
        (1, 5, None, True),
        (1, None, None, False),
        (-2, -5, -3, True),
    ],
)
def test_a_sequence_may_be_further_and_not_behind(
    increment: int, was: int | None, now: int | None, behind: object
) -> None:
    common = {"schema": "s", "name": "n", "increment": increment, "cycle": False, "start": 1}
    found = compare.sequence_differences([{**common, "last_value": now}], [{**common, "last_value": was}])
    assert bool(found) is behind


def test_tools_of_another_version_are_not_taken() -> None:
    with pytest.raises(Problem, match=r"PostgreSQL 9 and there is no pg_dump of that version here; found only .*1"):
        pg_tools.find(9)


def test_bars_show_bytes_and_counts_and_logs_get_lines() -> None:
    text = io.StringIO()
    with Bars(Console(file=text, force_terminal=True, width=120)) as bars:
        bars("dump (bytes)", 0, 20_000_000)
        bars("dump (bytes)", 10_000_000, 20_000_000)
        bars("keys and indexes", 3, 7)
    assert "10.0 of 20.0 MB" in text.getvalue()
    assert "3 of 7" in text.getvalue()
    lines = io.StringIO()
    with Bars(Console(file=lines, width=120)) as bars:
        for done in (0, 5, 10, 10):
            bars("dump (bytes)", done, 10)
    assert lines.getvalue().count("dump: done in") == 1


def test_a_damaged_journal_is_told(small_backup: tuple[Connection, Backup], tmp_path: Path) -> None:
    connection, _ = small_backup
    folder = store.folder_of(connection, tmp_path)
    folder.mkdir(parents=True)
    (folder / journal.NAME).write_text("{}")
    assert "is damaged" in journal.describe(connection, tmp_path)[0]


@pytest.mark.parametrize("name", ["registry", "..", ".hidden", "a/b", 'Ü "x"', "a%b"])
def test_any_database_has_a_folder_of_its_own(name: str, tmp_path: Path) -> None:
    made = tmp_path / store.safe_name(name)
    assert made.parent == tmp_path
    assert made.name not in {".", ".."}
    made.mkdir()
