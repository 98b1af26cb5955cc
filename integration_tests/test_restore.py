"""A restore brings everything back as it was at the backup, and destroys nothing of what it replaces."""

from __future__ import annotations

import shlex
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from driver.backup import compare, journal, prune, restore, store, swap
from driver.backup.catalogue import Findings
from driver.backup.swap import drop
from driver.backup.take import take_backup
from driver.errors import Problem
from driver.facts import newest_backup
from support.autovacuum import slow_autovacuum, wait_for_worker
from support.backups import cmsid, connection_of, databases, drop_all, state_of
from support.picture import differences, picture
from support.registry import AUDIT_SCHEMA, OWNER, undone
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from driver.profile import Connection
    from support.registry import Registry

DAMAGE = """
truncate next_of_kins;
delete from assessment_marks where id % 2 = 0;
update students set name = upper(name);
drop table student_education;
drop view school_enrolment;
alter type grade add value 'ZZ';
alter table modules add column extra text;
create table stray (id integer);
drop index students_name_lower;
alter table programs drop constraint programs_school_id_schools_id_fk;
create or replace function credits_of_student(student_number bigint) returns real language sql as 'select 0::real';
comment on table students is 'other';
grant select on students to public;
"""


USE = """
select
    (select count(*) from assessment_marks),
    (select count(*) from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace),
    exists (select from terms where name = 'changed')
"""


@pytest.fixture
def connection(registry: Registry) -> Iterator[Connection]:
    yield connection_of(registry.server)
    drop_all(registry.server, "registry__")


def _arrange(registry: Registry) -> None:
    """Settings, rights and comment such as a live database has."""
    registry.execute("alter database registry set work_mem = '7MB'")
    registry.execute("alter database registry set search_path = '$user', public, \"Odd, one\"")
    registry.execute(f"alter role {OWNER} in database registry set statement_timeout = '5min'")
    registry.execute("comment on database registry is 'the live one'")
    registry.execute("alter database registry connection limit 40")
    registry.execute("revoke connect on database registry from public")
    registry.execute("grant connect on database registry to pg_monitor with grant option")


def _damage(registry: Registry) -> None:
    registry.execute(DAMAGE)
    registry.execute("alter database registry set work_mem = '1MB'")
    registry.execute("alter database registry reset search_path")
    registry.execute("alter database registry set timezone = 'Asia/Tokyo'")
    registry.execute("comment on database registry is null")
    registry.execute("grant all on database registry to public")
    registry.execute("alter database registry connection limit 7")


def _picture(registry: Registry) -> dict[Any, Any]:
    with registry.connect("postgres") as session:
        return {
            key: value
            for key, value in picture(session, without=(AUDIT_SCHEMA,)).items()
            if key != ("schema", AUDIT_SCHEMA) and key[0] != "sequence" and not value.startswith(f"{AUDIT_SCHEMA}.")
        }


def _sequences(registry: Registry) -> dict[str, int]:
    rows = registry.rows("select sequencename, coalesce(last_value, 0) from pg_sequences where schemaname = 'public'")
    return dict(rows)


@pytest.mark.every_major
@pytest.mark.parametrize("mode", ["beside", "in place"])
def test_everything_is_as_it_was_at_the_backup(
    mode: str, registry: Registry, connection: Connection, tmp_path: Path
) -> None:
    in_place = mode == "in place"
    _arrange(registry)
    before, state, sequences = _picture(registry), state_of(registry), _sequences(registry)
    backup = take_backup(connection, directory=tmp_path, verify=not in_place)
    _damage(registry)
    damaged = _picture(registry)
    assert differences(before, damaged)
    without = f"alter role {OWNER} {'no' if in_place else ''}createdb"
    with undone(registry, without, f"alter role {OWNER} createdb"):
        restored = restore.restore(connection, backup, directory=tmp_path, in_place=in_place)

    assert restored.left == []
    assert restored.students == registry.counts["students"]
    assert differences(before, _picture(registry)) == {}
    assert state_of(registry) == state
    assert all(_sequences(registry)[name] >= value for name, value in sequences.items())
    listed = registry.rows(f"select backup_id, verified_at is not null from {AUDIT_SCHEMA}.backups order by taken_at")
    assert listed[0] == (backup.backup_id, not in_place)
    assert registry.value(f"select count(*) from {AUDIT_SCHEMA}.events where event like 'restored%'") == 1
    if in_place:
        assert restored.safety_backup in dict(listed)
        assert (
            store.find(connection, None, tmp_path).backup_id == backup.backup_id
        )  # the copy is newer, and is not meant
        safety = store.find(connection, restored.safety_backup, tmp_path)
        restore.restore(connection, safety, directory=tmp_path)
        assert differences(damaged, _picture(registry)) == {}
    else:
        assert databases(registry.server, "registry_") == [restored.replaced]
        restore.put_back(connection, restored.replaced, directory=tmp_path)
        assert differences(damaged, _picture(registry)) == {}
    assert not any(path.name == "restore.journal" for path in tmp_path.rglob("*"))


def test_what_only_a_superuser_may_set_is_told_to_others_and_done_by_superusers(
    registry: Registry, connection: Connection, tmp_path: Path
) -> None:
    with registry.server.connect() as session:
        session.execute("alter database registry set log_min_duration_statement = '1s'")
        session.execute("alter role postgres in database registry set work_mem = '9MB'")
        session.execute("alter database registry set app.tenant = 'it''s, \"one\"'")
    state = state_of(registry)
    backup = take_backup(connection, directory=tmp_path)
    restored = restore.restore(connection, backup, directory=tmp_path)
    assert len(restored.left) == 3
    assert all("alter" in line and "registry" in line for line in restored.left)
    superuser = connection_of(registry.server, user="postgres")
    again = restore.restore(superuser, backup, directory=tmp_path)
    assert again.left == []
    assert state_of(registry) == state


@pytest.mark.thorough
def test_a_backup_with_another_audit_schema_names_both(connection: Connection, tmp_path: Path) -> None:
    other = replace(connection, audit_schema="Another schema")
    assert take_backup(other, directory=tmp_path).manifest.audit_schema == ""
    for taken_by, told in ((connection, AUDIT_SCHEMA), (other, "Another schema")):
        take_backup(taken_by, directory=tmp_path)  # makes the schema that the next one finds
        backup = take_backup(taken_by, directory=tmp_path)
        assert backup.manifest.audit_schema == told
        with pytest.raises(Problem, match=f"was taken with {told} as our own schema, and the dbt profile has"):
            restore.restore(other if taken_by is connection else connection, backup, directory=tmp_path)


def test_a_lost_database_is_made_again(registry: Registry, connection: Connection, tmp_path: Path) -> None:
    before = _picture(registry)
    take_backup(connection, directory=tmp_path)
    registry.server.drop_database("registry")
    restored = restore.restore(connection, store.find(connection, None, tmp_path), directory=tmp_path)
    assert restored.replaced == ""
    assert differences(before, _picture(registry)) == {}


def test_a_replaced_database_is_put_back_where_the_live_one_is_gone(
    registry: Registry, connection: Connection, tmp_path: Path
) -> None:
    registry.execute("insert into schools (code, name) values ('NEW', 'Written since')")
    before = _picture(registry)
    restored = restore.restore(connection, take_backup(connection, directory=tmp_path), directory=tmp_path)
    registry.server.drop_database("registry")
    back = restore.put_back(connection, restored.replaced, directory=tmp_path)
    assert back.replaced == ""
    assert differences(before, _picture(registry)).keys() <= {("schema", "cms_id_audit")}
    assert databases(registry.server, "registry_") == []


def test_applications_that_reconnect_all_the_time_see_the_old_or_the_new_and_never_half(
    registry: Registry, connection: Connection, tmp_path: Path
) -> None:
    backup = take_backup(connection, directory=tmp_path)
    registry.execute("update terms set name = 'changed'")
    right = registry.counts["assessment_marks"]
    seen: set[tuple[Any, ...]] = set()
    refusals: set[str] = set()
    over = threading.Event()

    def use() -> None:
        while not over.is_set():
            try:
                with registry.connect() as session:
                    for _ in range(20):
                        row = session.execute(USE).fetchone()
                        seen.add(tuple(row or ()))
            except psycopg.OperationalError as error:
                refusals.add(str(error).splitlines()[-1])

    clients = [threading.Thread(target=use) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        until(lambda: seen)
        restore.restore(connection, backup, directory=tmp_path)
        until(lambda: any(not changed for *_, changed in seen.copy()))
    finally:
        over.set()
        for client in clients:
            client.join()
    assert {row[0] for row in seen} == {right}
    assert len({row[1] for row in seen}) == 1
    assert {row[2] for row in seen} == {True, False}
    assert not any("does not exist" in refusal for refusal in refusals)


def test_a_session_that_may_not_be_ended_is_told_before_anything_is_closed(
    registry: Registry, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "CLEAR_SECONDS", 0.1)
    backup = take_backup(connection, directory=tmp_path)
    before = state_of(registry)
    refusal = r"may not end these sessions of registry: postgres \(the superuser's.*nothing was closed"
    sessions = []

    def come(*_: Any, **__: Any) -> Findings:
        sessions.append(registry.connect("postgres", application_name="the superuser's"))
        return Findings([], [])

    with monkeypatch.context() as patched, pytest.raises(Problem, match=refusal):
        patched.setattr(compare, "differences", come)  # it came while the copy was made
        restore.restore(connection, backup, directory=tmp_path)
    with pytest.raises(Problem, match=refusal):
        restore.plan(connection, backup)
    with pytest.raises(Problem, match=refusal):
        restore.restore(connection, backup, directory=tmp_path)
    sessions[0].execute("select 1")
    sessions[0].close()
    assert [made.has(journal.CLOSED) for made in journal.records(tmp_path)] == [False]
    assert state_of(registry) == before
    assert databases(registry.server, "registry_") == []
    assert journal.describe(connection, tmp_path) == []


@pytest.mark.thorough
@pytest.mark.every_major
def test_autovacuum_in_the_live_database_is_nobody_who_is_connected(
    registry: Registry, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap.clear, "__defaults__", (1.0,))
    backup = take_backup(connection, directory=tmp_path)
    with slow_autovacuum(registry):
        registry.execute("update assessment_marks set id = id")
        wait_for_worker(registry.server, "registry")
        assert not any("Connected now" in line for line in restore.plan(connection, backup))
        assert restore.restore(connection, backup, directory=tmp_path).replaced


def test_an_address_that_is_hidden_is_called_unknown(registry: Registry, connection: Connection) -> None:
    with (
        undone(registry, f"revoke pg_read_all_stats from {OWNER}", f"grant pg_read_all_stats to {OWNER}"),
        registry.connect("postgres"),
        registry.connect(),
        connection.to_database("postgres").connect() as control,
    ):
        hidden, seen = sorted(swap.sessions(control, "registry"), key=lambda session: session.told)
    assert "from an unknown address, unknown state" in hidden.told
    assert f"from {registry.server.host}" in seen.told


@pytest.mark.thorough
def test_a_failed_restore_is_undone_while_autovacuum_is_at_work_in_the_copy(
    registry: Registry, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def differ(side: Connection, *_: Any, **__: Any) -> Findings:
        wait_for_worker(registry.server, side.dbname)
        return Findings(["the rows of terms"], [])

    with slow_autovacuum(registry):
        backup = take_backup(connection, directory=tmp_path)
        monkeypatch.setattr(compare, "differences", differ)
        with pytest.raises(Problem, match=r"restored to something else: the rows of terms"):
            restore.restore(connection, backup, directory=tmp_path)
    assert databases(registry.server, "registry_") == []
    assert journal.describe(connection, tmp_path) == []


def test_the_first_failure_is_told_where_the_copy_cannot_be_dropped(
    registry: Registry, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = []

    def differ(side: Connection, *_: Any, **__: Any) -> Findings:
        sessions.append(registry.server.connect(side.dbname))
        return Findings(["the rows of terms"], [])

    backup = take_backup(connection, directory=tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(compare, "differences", differ)
        patched.setattr(drop, "__kwdefaults__", {"end_sessions": True, "seconds": 0.1})
        with pytest.raises(
            Problem, match=r"the rows of terms; .*could not be dropped.*: registry is as it was and open"
        ):
            restore.restore(connection, backup, directory=tmp_path)
        with pytest.raises(Problem, match="could not be dropped"):
            restore.abandon(connection, directory=tmp_path)
    registry.execute("select 1")
    sessions[0].close()
    assert restore.resume(connection, directory=tmp_path).replaced
    assert databases(registry.server, "registry__restoring") == []


def test_in_place_refuses_what_it_cannot_do_and_rolls_back_what_fails(
    registry: Registry, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = take_backup(connection, directory=tmp_path)
    before = _picture(registry)
    with registry.server.connect("registry") as session:
        session.execute("create publication live for table terms")
    with pytest.raises(Problem, match="publication live"):
        restore.restore(connection, backup, directory=tmp_path, in_place=True)
    with registry.server.connect("registry") as session:
        session.execute("drop publication live")

    from driver.backup import in_place

    with registry.connect(application_name="the report") as reader, monkeypatch.context() as impatient:
        impatient.setattr(in_place, "LOCK_TIMEOUT", "200ms")
        reader.autocommit = False
        reader.execute("select count(*) from students")
        with pytest.raises(Problem, match="the report"):
            restore.restore(connection, backup, directory=tmp_path, in_place=True)
    # What the backup did not have, and this role may not drop, stays: so the database is not as it was.
    with registry.server.connect("registry") as session:
        session.execute("create function of_another_role() returns integer language sql as 'select 1'")
    with pytest.raises(Problem, match=r"of_another_role\(\): additional.*rolled back"):
        restore.restore(connection, backup, directory=tmp_path, in_place=True)
    with registry.server.connect("registry") as session:
        session.execute("drop function of_another_role()")
    assert differences(before, _picture(registry)) == {}
    assert journal.describe(connection, tmp_path) == []


def test_the_command_asks_shows_who_is_connected_and_says_how_to_go_back(
    registry: Registry, connection: Connection, tmp_path: Path
) -> None:
    environment = {**registry.environment, "DBT_PROFILES_DIR": str(registry.profiles_dir)}
    options = ["--directory", str(tmp_path)]
    none = cmsid("restore", *options, environment=environment)
    assert none.returncode == 1
    assert "There is no backup" in none.stderr
    backup = take_backup(connection, directory=tmp_path)
    with registry.connect(application_name="the portal"):
        asked = cmsid("restore", *options, environment=environment, input="n\n")
    assert asked.returncode == 1
    assert asked.stderr.endswith("Nothing was changed.\n")
    assert "the portal" in asked.stdout
    assert databases(registry.server, "registry_") == []
    done = cmsid("restore", backup.backup_id, "--yes", *options, environment=environment)
    assert done.returncode == 0, done.stderr
    assert f"SELECT COUNT(*) FROM students: {registry.counts['students']}" in done.stdout
    (replaced,) = databases(registry.server, "registry__replaced_")
    assert f"--put-back {replaced}" in done.stdout
    assert any(replaced in line for line in journal.describe(connection, tmp_path))
    back = cmsid("restore", "--put-back", replaced, "--yes", *options, environment=environment)
    assert back.returncode == 0, back.stderr
    wrong = cmsid("restore", "--put-back", "postgres", "--yes", *options, environment=environment)
    assert wrong.returncode == 1
    assert wrong.stdout == ""  # it announces nothing
    assert "no database that a restore replaced" in wrong.stderr
    dropped = cmsid("prune", "--replaced", "--yes", *options, environment=environment)
    assert dropped.returncode == 0, dropped.stderr
    assert databases(registry.server, "registry_") == []
    nothing = cmsid("prune", "--yes", *options, environment=environment)
    assert "Nothing to remove" in nothing.stdout
    assert store.find(connection, None, tmp_path).backup_id == backup.backup_id


@pytest.mark.thorough
def test_a_replaced_database_in_use_is_not_dropped(registry: Registry, connection: Connection, tmp_path: Path) -> None:
    backup = take_backup(connection, directory=tmp_path)
    restored = restore.restore(connection, backup, directory=tmp_path)
    with (
        registry.server.connect(restored.replaced, OWNER, application_name="an old report"),
        pytest.raises(Problem, match="an old report"),
    ):
        prune.drop_replaced(connection, [restored.replaced], tmp_path)
    assert databases(registry.server, "registry_") == [restored.replaced]


@pytest.mark.thorough
def test_names_with_spaces_are_quoted_in_the_commands_to_type(registry: Registry, tmp_path: Path) -> None:
    name = "The Registry"
    registry.server.create_database(name, OWNER)
    try:
        connection = connection_of(registry.server, name)
        taken = take_backup(connection, directory=tmp_path)
        with connection.connect() as session:
            listed = newest_backup(session, AUDIT_SCHEMA)
        assert listed
        assert shlex.split(listed.restore_command) == ["scripts/cmsid", "restore", taken.backup_id]
        replaced = restore.restore(connection, taken, directory=tmp_path).replaced
        (line,) = journal.describe(connection, tmp_path)
        assert shlex.split(line.split("`")[1]) == ["scripts/cmsid", "restore", "--put-back", replaced]
    finally:
        drop_all(registry.server, name)
