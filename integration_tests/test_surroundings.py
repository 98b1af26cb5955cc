"""Whatever server, database and role are set to, and whatever users have named, the job is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from driver import sample_registry
from driver.backup.session import pinned, settings
from driver.bootstrap import ROOT
from driver.macro_sql import render_macro
from support.backups import cmsid, connection_of
from support.registry import NO_BACKUP, OWNER, SUPERUSER, Registry
from support.runs import Runner
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping

HOSTILE = {
    "array_nulls": "off",
    "bytea_output": "escape",
    "check_function_bodies": "off",
    "client_encoding": "LATIN1",
    "DateStyle": "SQL, DMY",
    "default_tablespace": "nowhere",
    "default_transaction_deferrable": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "extra_float_digits": "-15",
    "idle_in_transaction_session_timeout": "5s",
    "idle_session_timeout": "5s",
    "IntervalStyle": "sql_standard",
    "lock_timeout": "1s",
    "quote_all_identifiers": "on",
    "row_security": "on",
    "search_path": "evil, pg_catalog, public",
    "session_replication_role": "replica",
    "standard_conforming_strings": "off",
    "statement_timeout": "1s",
    "synchronous_commit": "off",
    "temp_tablespaces": "nowhere",
    "TimeZone": "Asia/Kathmandu",
    "transaction_timeout": "1s",
    "transform_null_equals": "on",
    "xmlbinary": "hex",
    "xmloption": "document",
}
LOADED = "select extract(epoch from pg_conf_load_time())"
NAMES = Path(__file__).parent / "support" / "hostile_names.sql"
CASTS = "".join(
    f"create cast ({source} as {target}) with inout as implicit;"
    for source, target in (
        ("integer", "text"),
        ("bigint", "text"),
        ("text", "integer"),
        ("varchar", "integer"),
        ("text", "jsonb"),
        ("text", "timestamp"),
    )
)


def hostile(registry: Registry, place: str) -> dict[str, str]:
    """What this server knows of it. As a whole, it takes no tablespace that is not there."""
    known = {name.lower() for (name,) in registry.rows("select name from pg_settings")}
    return {
        name: value
        for name, value in HOSTILE.items()
        if name.lower() in known and not (place == "system" and "tablespace" in name)
    }


def set_for(place: str, name: str, value: str | None) -> str:
    """The statement that sets it there, or takes it back."""
    listed = value if name == "search_path" else f"'{value}'"
    return f"alter {place} " + (f"reset {name}" if value is None else f"set {name} = {listed}")


def set_by_administrator(registry: Registry, place: str, name: str, value: str | None) -> None:
    """Set it, or take it back, in a session that may write whatever is set."""
    with registry.connect(SUPERUSER, options="-c default_transaction_read_only=off -c statement_timeout=0") as session:
        session.execute(set_for(place, name, value).encode())
        if place == "system":
            loaded = session.execute(LOADED).fetchone()
            session.execute("select pg_reload_conf()")
            until(lambda: registry.rows(LOADED) != [loaded])


PLACES = [
    f"role {OWNER} in database registry",
    pytest.param(f"role {OWNER}", marks=pytest.mark.thorough),
    pytest.param("database registry", marks=pytest.mark.thorough),
    pytest.param("system", marks=pytest.mark.thorough),
]


@pytest.mark.parametrize("place", PLACES)
def test_each_setting_is_pinned_in_every_session(registry: Registry, place: str) -> None:
    connection = connection_of(registry.server)
    with pinned(connection) as session:
        expected = settings(session)
        wanted = "select string_agg(name || '=' || current_setting(name, true), ';' order by name) from unnest(%s::text[]) as name"
        usual = session.execute(wanted, [list(expected)]).fetchone()
    for name, value in hostile(registry, place).items():
        set_by_administrator(registry, place, name, value)
        try:
            with pinned(connection) as session:
                assert session.execute(wanted, [list(expected)]).fetchone() == usual, name
            # as dbt has it, whose sessions begin each transaction with it
            with registry.connect(autocommit=False) as session:
                session.execute(render_macro("session_pins").encode())
                assert session.execute("show transaction_isolation").fetchone() == ("read committed",), name
                session.execute("set client_encoding = UTF8")
                assert session.execute(wanted, [list(expected)]).fetchone() == usual, name
                session.rollback()
                assert session.execute("show cms_id.pinned").fetchone() == ("",), name
        finally:
            set_by_administrator(registry, place, name, None)


# a default class for a type that has none: every value is the same by it
CLASS = """
create function same(json, json) returns boolean immutable language sql as 'select true';
create function hash(json) returns integer immutable language sql as 'select 1';
create operator === (function = same, leftarg = json, rightarg = json);
create operator class everything default for type json using hash as operator 1 ===, function 1 hash(json);
"""


def test_pins_come_before_any_name_that_a_user_has_taken(registry: Registry) -> None:
    registry.execute(NAMES.read_text())
    registry.execute(CASTS, user=SUPERUSER)
    registry.execute(f"alter role {OWNER} in database registry set search_path = evil, pg_catalog, public")
    with pytest.raises(psycopg.errors.RaiseException, match="operator of a user"):
        registry.rows("select 1 = 2")
    with pinned(connection_of(registry.server)) as session:
        assert session.execute("select 1 = 2, lower('A')").fetchone() == (False, "a")
    for names, path in (("pg_catalog", "pg_catalog, pg_temp"), ("application", "evil, public")):
        with registry.connect(autocommit=False) as session:
            session.execute(render_macro("session_pins", names=names).encode())
            assert session.execute("show search_path").fetchone() == (path,)
            assert session.execute("select 1 = 2").fetchone() == (False,)


def test_a_hash_or_cast_that_a_user_has_made_proves_nothing(registry: Registry) -> None:
    """A default class for a type that has none, and a cast: every value has the same hash, or text, by it."""
    registry.execute(CLASS, user=SUPERUSER)
    registry.execute(
        """
        create table kept (value json); insert into kept values ('[1]');
        create type mood as enum ('good', 'bad');
        create function same(mood) returns text immutable language sql as $$ select 'same'::text $$;
        create cast (mood as text) with function same(mood);
        create table moods (value mood); insert into moods values ('good');
        """
    )
    registry.dbt_ok("snapshot", variables=NO_BACKUP)
    registry.dbt_ok("run-operation", "add_cms_id", variables=NO_BACKUP)
    registry.execute("update kept set value = '[2]'; update moods set value = 'bad'")
    changed = registry.dbt("test", "--select", "other_tables_unchanged", variables=NO_BACKUP)
    assert changed.failed_names == {"other_tables_unchanged"}
    assert {row["table_name"] for row in changed["other_tables_unchanged"].rows} == {"public.kept", "public.moods"}


@pytest.mark.thorough
@pytest.mark.parametrize("place", PLACES)
def test_the_whole_job_under_hostile_settings(
    registry: Registry, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.execute(NAMES.read_text())
    monkeypatch.setenv("CMSID_BACKUPS", str(tmp_path / "backups"))
    chosen = hostile(registry, place)
    try:
        for name, value in chosen.items():
            set_by_administrator(registry, place, name, value)
        for mode in ("window", "online"):
            Runner(registry, tmp_path / mode, monkeypatch).go(mode=mode).passed()
            undone = registry.dbt("run-operation", "drop_cms_id")
            assert undone.success, undone.output
    finally:
        for name in chosen:
            set_by_administrator(registry, place, name, None)


@pytest.mark.thorough
def test_the_whole_job_by_a_role_whose_sessions_begin_as_another(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login that owns nothing, and is the owner in each session: the driver's, dbt's and pg_dump's."""
    monkeypatch.setenv("CMSID_BACKUPS", str(tmp_path / "backups"))
    password = registry.server.passwords["agent"] = registry.server.passwords[OWNER]
    registry.execute(f"create role agent login password '{password}' in role {OWNER}", user=SUPERUSER)
    try:
        registry.execute(f"alter role agent set role = '{OWNER}'", user=SUPERUSER)
        Runner(replace(registry, user="agent"), tmp_path / "run", monkeypatch).go().passed()
        owned = "select count(*) from pg_shdepend where refobjid = 'agent'::regrole"
        assert registry.value(owned) == 0
    finally:
        registry.execute("drop role agent", user=SUPERUSER)
        del registry.server.passwords["agent"]


@pytest.mark.thorough
def test_every_command_beside_casts_operators_and_classes_of_users(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the superuser, without whom no restore has casts between types of the system."""
    registry.execute(NAMES.read_text())
    registry.execute(CASTS + CLASS + "create table jsons as select '[1]'::json as value", user=SUPERUSER)
    set_by_administrator(registry, "database registry", "search_path", HOSTILE["search_path"])
    registry = replace(registry, user=SUPERUSER)
    monkeypatch.setenv("CMSID_BACKUPS", str(tmp_path / "backups"))
    environment = {
        **registry.environment,
        "CMSID_BACKUPS": str(tmp_path / "backups"),
        "DBT_PROFILES_DIR": str(registry.profiles_dir),
        "DBT_TARGET_PATH": str(registry.runner.folder / "target-of-names"),
    }

    def go(command: str) -> None:
        ended = cmsid(*command.split(), environment=environment)
        assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"

    before, after = tmp_path / "before", tmp_path / "after"
    go(f"export --phase pre --directory {before}")
    for mode, commands in (
        (
            "window",
            ("doctor", "status", f"export --phase post --directory {after}", f"diff {before} {after}", "undo --yes"),
        ),
        ("online", ("restore --yes", "restore --in-place --yes", "prune")),
    ):
        Runner(registry, tmp_path / mode, monkeypatch).go(mode=mode).passed()
        for command in commands:
            go(command)


def test_our_sql_can_be_sent_in_any_encoding() -> None:
    for folder in ("macros", "models", "snapshots", "tests"):
        for path in (ROOT / folder).rglob("*.sql"):
            assert path.read_text("utf-8").isascii(), path


@pytest.mark.thorough
@pytest.mark.parametrize("encoding", ["SQL_ASCII", pytest.param("LATIN1", marks=pytest.mark.thorough)])
def test_texts_of_any_encoding_through_every_command(registry: Registry, encoding: str, tmp_path: Path) -> None:
    registry.server.drop_database(registry.dbname)
    with registry.server.connect() as session:
        session.execute(
            f"create database registry template template0 owner {OWNER} encoding '{encoding}' lc_collate 'C' lc_ctype 'C'"
        )
    with registry.connect(client_encoding="SQL_ASCII") as session:  # each byte as it is
        sample_registry.load(session, 0.003)
    # legacy texts: neither ASCII nor UTF8
    with registry.connect(client_encoding="LATIN1") as session:
        session.execute(
            "comment on table students is 'caf\u00e9'; update students set name = 'Ren\u00e9' where std_no % 2 = 0"
        )
    environment: Mapping[str, str] = {
        **registry.environment,
        "CMSID_BACKUPS": str(tmp_path),
        "DBT_PROFILES_DIR": str(registry.profiles_dir),
        "DBT_TARGET_PATH": str(registry.runner.folder / "target-of-encodings"),
    }
    for command in (
        "doctor",
        "run",
        "status",
        f"export --phase post --directory {tmp_path / 'files'}",
        "undo --yes",
        "restore --in-place --yes",
        "restore --yes",
    ):
        done = cmsid(*command.split(), environment=environment)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    with registry.connect(client_encoding="LATIN1") as session:
        told = session.execute("select obj_description('students'::regclass)").fetchone()
    assert told == ("caf\u00e9",)
