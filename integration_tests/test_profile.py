"""The connection settings: the same as dbt's, and no password where it does not belong."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml

from driver import profile
from driver.backup.session import pinned
from driver.errors import Problem
from driver.profile import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.embedded_server import EmbeddedServer

SECRET = r"p:a\ss'w ö"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home and an environment that say nothing."""
    for name in list(os.environ):
        if name.startswith(("PG", "DBT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(profile, "project", lambda: tmp_path)
    monkeypatch.setattr(profile, "ROOT", tmp_path)


def write(folder: Path, *, text: str = "", target: str = "one", **values: Any) -> Path:
    """Write profiles.yml with one target, or with this text."""
    output = {"type": "postgres", "host": "h", "user": "u", "dbname": "d", "schema": "s", **values}
    content = text or yaml.safe_dump({"cms_id_tracking": {"target": target, "outputs": {"one": output}}})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profiles.yml").write_text(content)
    return folder


def example(folder: Path) -> Path:
    return write(folder, text=(Path(__file__).parents[1] / "profiles.example.yml").read_text())


def test_example_means_the_local_registry(tmp_path: Path) -> None:
    found = profile.load(profiles_dir=example(tmp_path))
    assert found.describe() == "dev@localhost:5432/registry"
    assert (found.audit_schema, found.threads, found.password, found.autocommit) == ("cms_id_audit", 4, "", False)


def test_example_follows_the_variables_of_psql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"PGHOST": "far", "PGPORT": "6000", "PGUSER": "me", "PGPASSWORD": SECRET, "PGDATABASE": "it"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    found = profile.load(profiles_dir=example(tmp_path))
    assert found.describe() == "me@far:6000/it"
    assert found.password == SECRET
    assert SECRET not in repr(found)


def test_dbt_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbt import flags
    from dbt.config.profile import Profile
    from dbt.config.renderer import ProfileRenderer
    from dbt_common.context import set_invocation_context

    monkeypatch.setenv("SOME_PORT", "7000")
    monkeypatch.setenv("DBT_ENV_SECRET_IT", "hidden")
    values: dict[str, Any] = {
        "port": "{{ env_var('SOME_PORT') | as_number }}",
        "pass": "{{ env_var('DBT_ENV_SECRET_IT') }}",
        "sslmode": "{{ env_var('UNSET', 'prefer') }}",
        "threads": 3,
        "role": "owner_of_it",
        "keepalives_idle": 7,
    }
    set_invocation_context(dict(os.environ))
    monkeypatch.setattr(flags, "GLOBAL_FLAGS", SimpleNamespace(LOG_CACHE_EVENTS=False))
    raw = yaml.safe_load((write(tmp_path, **values) / "profiles.yml").read_text())
    expected = Profile.from_raw_profiles(raw, "cms_id_tracking", ProfileRenderer({}))
    found = profile.load(profiles_dir=tmp_path)
    for name in ("host", "port", "user", "password", "sslmode", "role", "keepalives_idle", "connect_timeout"):
        assert getattr(found, name) == getattr(expected.credentials, name), name
    assert found.dbname == expected.credentials.database
    assert found.audit_schema == expected.credentials.schema
    assert (found.threads, found.target) == (expected.threads, expected.target_name)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"host": "{{ env_var('NOT_SET') }}"}, "needs the environment variable NOT_SET for `host`"),
        ({"host": "{{ env_var( }}"}, "`host` cannot be rendered"),
        ({"port": "many"}, "port is not a whole number"),
        ({"type": "duckdb"}, "is of type duckdb"),
        ({"dbname": None}, "has no dbname"),
        ({"target": "two"}, r"has no target two .*: use one of: one"),
        ({"role": "owner of it"}, r"cannot read `set role owner of it`.* put the name into double quotes"),
        ({"role": "owner-of-it"}, r"cannot read `set role owner-of-it`"),
        ({"text": "other: {}"}, "There is no profile cms_id_tracking"),
        ({"text": "cms_id_tracking: {}"}, "There is no profile cms_id_tracking"),
        ({"text": "cms_id_tracking: {target: a, outputs: {a: }}"}, "The target a is empty"),
        ({"text": "- a list"}, "There is no profile cms_id_tracking"),
        ({"text": f"a: [{SECRET}\nb: }}"}, r"cannot be read .*profiles.yml, line 2"),
    ],
)
def test_faults_of_the_profile(tmp_path: Path, values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Problem, match=sentence) as problem:
        profile.load(profiles_dir=write(tmp_path, **values))
    assert SECRET not in str(problem.value)


def test_missing_profile(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"There is no dbt profile .*: run `scripts/cmsid setup`"):
        profile.load(profiles_dir=tmp_path)


def test_a_damaged_dbt_project_is_named(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: a\nvars: [\n")
    with pytest.raises(Problem, match=r"The dbt project cannot be read .*dbt_project.yml, line 3"):
        profile.load(profiles_dir=write(tmp_path))


def test_password_that_looks_like_a_template(tmp_path: Path) -> None:
    assert profile.load(profiles_dir=write(tmp_path, password="{{ no ")).password == "{{ no "


def test_it_looks_where_dbt_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "home" / ".dbt", host="home")
    assert profile.load().host == "home"
    write(tmp_path, host="project")
    assert profile.load().host == "project"
    monkeypatch.setenv("DBT_PROFILES_DIR", str(write(tmp_path / "named", host="named")))
    assert profile.load().host == "named"
    monkeypatch.setenv("DBT_TARGET", "two")
    with pytest.raises(Problem, match="no target two"):
        profile.load()
    assert profile.load("one").host == "named"


@pytest.mark.parametrize("place", ["nowhere", "project", "home", "named"])
def test_profile_is_written_only_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    example(tmp_path).joinpath("profiles.yml").rename(tmp_path / "profiles.example.yml")
    folders = {"project": tmp_path, "home": tmp_path / "home" / ".dbt", "named": tmp_path / "named"}
    if place in folders:
        write(folders[place])
    if place == "named":
        monkeypatch.setenv("DBT_PROFILES_DIR", str(folders[place]))
    assert profile.write_profile() == (place == "nowhere")
    if place == "nowhere":
        assert stat.S_IMODE((tmp_path / "profiles.yml").stat().st_mode) == 0o600
        assert not profile.write_profile()


def test_environment_has_the_password_and_leaves_no_file() -> None:
    connection = Connection("far", 6000, "me", "it", SECRET + "\n:", sslmode="require", role="the owner")
    variables = connection.environment()
    names = ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSSLMODE", "PGPASSWORD")
    assert [variables[name] for name in names] == ["far", "6000", "me", "it", "require", SECRET + "\n:"]
    assert variables.get("PGPASSFILE") == os.environ.get("PGPASSFILE")


def test_environment_without_a_password_leaves_it_to_the_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", "/my/own")
    monkeypatch.setenv("PGPASSWORD", "hidden by the empty one of the profile, as in dbt")
    monkeypatch.setenv("PGHOSTADDR", "10.0.0.1")
    variables = Connection("far", 6000, "me", "it").environment()
    assert variables["PGPASSFILE"] == "/my/own"
    assert variables["PGHOSTADDR"] == "10.0.0.1"
    assert "PGPASSWORD" not in variables


@pytest.mark.parametrize(("text", "name"), [("", ""), ("Owner_1", "owner_1"), ('"The ""Own-er"""', 'The "Own-er"')])
def test_role_is_the_one_that_dbt_acts_as(tmp_path: Path, text: str, name: str) -> None:
    assert profile.load(profiles_dir=write(tmp_path, role=text)).role == name


def test_variables_that_dbt_does_not_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = tmp_path / "pg_service.conf"
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGSERVICE", "it")
    folder = write(tmp_path, sslmode="prefer")
    services.write_text("[it]\nhost=h\nuser=u\nsslmode=prefer\nrequire_auth=none\noptions=-c geqo=off\n")
    variables = profile.load(profiles_dir=folder).environment()
    assert {"PGSERVICE", "PGSERVICEFILE"}.isdisjoint(variables)
    assert (variables["PGREQUIREAUTH"], variables["PGHOST"], variables["PGDATABASE"]) == ("none", "h", "d")
    assert variables["PGOPTIONS"].startswith("-c geqo=off ")
    services.write_text("[it]\nhost=other\nuser=u\nsslmode=verify-full\n")
    with pytest.raises(Problem, match=r"service it of PGSERVICE has another host, sslmode, .* in place of PGSERVICE"):
        profile.load(profiles_dir=folder)
    monkeypatch.delenv("PGSERVICE")
    monkeypatch.setenv("PGOPTIONS", "-c geqo=off")
    assert profile.load(profiles_dir=folder).host == "h"
    with pytest.raises(Problem, match=r"PGOPTIONS is set, .* remove search_path"):
        profile.load(profiles_dir=write(tmp_path, search_path="public"))
    monkeypatch.delenv("PGOPTIONS")
    monkeypatch.setenv("PGLOADBALANCEHOSTS", "random")
    with pytest.raises(Problem, match="another server: unset it"):
        profile.load(profiles_dir=folder)


def test_example_refuses_a_service_of_which_dbt_reads_no_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICE", "it")
    with pytest.raises(Problem, match=r"needs the environment variable PGHOST, .* not follow PGSERVICE, for `host`"):
        profile.load(profiles_dir=example(tmp_path))
    monkeypatch.setenv("PGHOST", "far")
    assert profile.load(profiles_dir=tmp_path).host == "far"


def test_server_that_is_not_there() -> None:
    with pytest.raises(Problem, match=r"refused.* \(u@127\.0\.0\.1:9/d\): start the server"):
        Connection("127.0.0.1", 9, "u", "d", connect_timeout=2).connect()
    with pytest.raises(Problem, match="start the server"):
        Connection("/nonexistent", 5432, "u", "d").connect()


@pytest.fixture
def connection(server: EmbeddedServer) -> Iterator[Connection]:
    """The connection of a role with an awkward name and password, which may act as another."""
    server.create_role("reader", SECRET)
    with server.connect() as admin:
        admin.execute('create role "the owner"')
        admin.execute('grant "the owner" to reader')
    try:
        yield Connection(server.host, server.port, "reader", "postgres", SECRET)
    finally:
        with server.connect() as admin:
            admin.execute('drop role reader; drop role "the owner"')


def test_connecting(
    connection: Connection, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from dataclasses import replace

    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=12345 -c geqo=off")
    acting = replace(connection, role="the owner")
    # A timeout of the surroundings ends neither a session nor PostgreSQL's tools in its first statement.
    query = "select current_user, current_setting('statement_timeout'), current_setting('geqo')"
    with pinned(acting) as session:
        assert session.execute(query).fetchone() == ("the owner", "0", "off")
        assert session.info.parameter_status("application_name") == "cmsid"
    with acting.to_database("template1").connect() as session:
        assert session.autocommit
        assert session.info.dbname == "template1"

    # The same by way of PostgreSQL's own programs, which take the role as an option.
    shown = [str(server.programs / "psql"), "-XAtF,", "-c", query]
    assert subprocess.check_output(shown, env=acting.environment(), text=True) == "reader,0,off\n"

    for wrong, sentence in (
        (replace(connection, password="no"), "password authentication failed.*: correct PGPASSWORD"),
        (
            replace(connection, password=""),
            "no password supplied: set PGPASSWORD|no password supplied.*: set PGPASSWORD",
        ),
        (connection.to_database("nowhere"), 'database "nowhere" does not exist .*: correct database'),
    ):
        with pytest.raises(Problem, match=sentence):
            wrong.connect()

    # libpq then adds where it had the password from, as its last line.
    password_file = tmp_path / "pgpass"
    password_file.write_text("*:*:*:*:no\n")
    password_file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(password_file))
    with pytest.raises(Problem, match=r"cannot be used: password authentication failed for user \"reader\" \("):
        replace(connection, password="").connect()


def test_a_lost_connection_is_told_without_what_libpq_guesses() -> None:
    said = "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while."
    told = str(profile.connection_problem(psycopg.OperationalError(said), "here"))
    assert told.startswith("The database cannot be used: server closed the connection unexpectedly (here): ")
