"""A connection pooler in between: one that changes the server session under a connection is refused, the other kind works."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from driver import profile
from driver.backup import session
from driver.backup.session import pinned
from driver.backup.take import take_backup
from driver.errors import Problem
from support.backups import cmsid, connection_of
from support.pooler import pooler
from support.registry import NO_BACKUP, OWNER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from support.registry import Registry

pytestmark = pytest.mark.thorough  # PgBouncer is no Python package

NO_OPTIONS = "ignore_startup_parameters = extra_float_digits,options"
SETTINGS = (
    "select name, setting from pg_settings where name not like 'plpgsql.%' and name <> 'application_name' order by 1"
)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that the pooler's account reaches, and nothing known of any pooler."""
    monkeypatch.delenv(session.SESSION_POOLER, raising=False)
    monkeypatch.setattr(session, "_in_session_mode", set())
    monkeypatch.setattr(profile, "_without_options", set())
    with tempfile.TemporaryDirectory(prefix="cmsid-pooler-") as name:
        yield Path(name)


def through(registry: Registry, port: int) -> Mapping[str, str]:
    return {**registry.environment, "PGPORT": str(port)}


def pooled_sessions(registry: Registry) -> set[tuple[Any, ...]]:
    """What the sessions that the pooler keeps hold: session locks and temporary objects."""
    return set(
        registry.rows(
            "select 'lock', classid::text from pg_locks where locktype = 'advisory'"
            " union all select 'temporary', relname::text from pg_class where relpersistence = 't'"
            " union all select 'temporary', proname::text from pg_proc as p join pg_namespace as n on p.pronamespace = n.oid"
            " where n.nspname like 'pg\\_temp%'"
        )
    )


@pytest.mark.parametrize("extra", [NO_OPTIONS, "server_round_robin = 1", "default_pool_size = 1"])
def test_transaction_mode_is_refused_each_time(registry: Registry, folder: Path, extra: str) -> None:
    with pooler(registry.server, "transaction", folder, extra) as port:
        connection = replace(connection_of(registry.server), port=port)
        with psycopg.connect("", **{**parameters(registry), "port": port}, autocommit=True) as before:
            settings = before.execute(SETTINGS, prepare=False).fetchall()
        for _ in range(50):
            with pytest.raises(Problem, match=r"pooler in transaction mode .*: connect to the server itself"):
                pinned(connection)
        with psycopg.connect("", **{**parameters(registry), "port": port}, autocommit=True) as after:
            assert after.execute(SETTINGS, prepare=False).fetchall() == settings


def parameters(registry: Registry) -> dict[str, Any]:
    connection = connection_of(registry.server)
    return {name: getattr(connection, name) for name in ("host", "user", "password", "dbname")}


def test_commands_and_plain_dbt_refuse_transaction_mode_and_leave_nothing(
    baselined_registry: Registry, folder: Path, tmp_path: Path
) -> None:
    registry = baselined_registry
    with pooler(registry.server, "transaction", folder, NO_OPTIONS) as port:
        connection = replace(connection_of(registry.server), port=port)
        with pytest.raises(Problem, match="pooler in transaction mode"):
            take_backup(connection, directory=tmp_path)
        with psycopg.connect("", **{**parameters(registry), "port": port}, autocommit=True) as before:
            settings = before.execute(SETTINGS, prepare=False).fetchall()
        run = registry.runner.run
        for operation in ("add_cms_id", "drop_cms_id", "abandon_cms_id"):
            refused = run(
                "run-operation", operation, registry=through(registry, port), query=registry.dicts, variables=NO_BACKUP
            )
            assert refused.code == 1
            assert f"{operation}: a connection pooler is between" in refused.output
        refused = run("run", registry=through(registry, port), query=registry.dicts, variables=NO_BACKUP)
        assert "add_cms_id: a connection pooler is between" in refused["origin_summary"].message
        # what is whole in one transaction works, and leaves nothing behind it either
        assert run("snapshot", registry=through(registry, port), query=registry.dicts, variables=NO_BACKUP).code == 0
        with psycopg.connect("", **{**parameters(registry), "port": port}, autocommit=True) as after:
            assert after.execute(SETTINGS, prepare=False).fetchall() == settings
            assert pooled_sessions(registry) == set()


@pytest.mark.parametrize(
    ("extra", "commands"),
    [
        ("", [["doctor"], ["run", "--mode", "online"], ["status"], ["undo", "--yes"], ["restore", "--yes"]]),
        (NO_OPTIONS, [["run"], ["undo", "--yes"]]),
    ],
    ids=["all", "without options"],
)
def test_all_commands_work_through_session_mode(
    registry: Registry, folder: Path, tmp_path: Path, extra: str, commands: list[list[str]]
) -> None:
    with pooler(registry.server, "session", folder, extra) as port:
        environment = {
            **through(registry, port),
            "CMSID_BACKUPS": str(tmp_path / "backups"),
            "DBT_PROFILES_DIR": str(registry.profiles_dir),
            "DBT_TARGET_PATH": str(registry.runner.folder / "target-of-poolers"),
        }
        for command in commands:
            done = cmsid(*command, environment=environment)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize(("name", "value"), [("default_transaction_read_only", "on"), ("idle_session_timeout", "5s")])
def test_session_mode_is_refused_where_a_restore_would_need_what_it_keeps_back(
    registry: Registry, folder: Path, name: str, value: str
) -> None:
    with registry.server.connect() as session:
        session.execute(f"alter role {OWNER} set {name} = '{value}'".encode())
    try:
        with pinned(connection_of(registry.server)):
            pass
        with pooler(registry.server, "session", folder) as port:
            connection = replace(connection_of(registry.server), port=port)
            with pytest.raises(Problem, match=rf"lets no settings pass, .*{name}.*: connect to the server itself"):
                pinned(connection)
    finally:
        with registry.server.connect() as session:
            session.execute(f"alter role {OWNER} reset {name}".encode())


def test_settings_of_pgoptions_that_a_pooler_refuses(
    registry: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c geqo=off")
    refused = pytest.raises(Problem, match=r"unsupported startup parameter: options .*: unset PGOPTIONS")
    with pooler(registry.server, "session", folder) as port, refused:
        pinned(replace(connection_of(registry.server), port=port))
