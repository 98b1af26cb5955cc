"""Fixtures: a server for each major version, and registries on it.

`registry` is a fresh database with the sample registry, cloned from a template; `baselined_registry` has had its
baseline taken, `migrated_registry` its ids as well. A test that needs a server runs on the newest major version found
here. One marked `every_major` runs on all of them with `--all`, or on those that CMSID_TEST_MAJORS="15,18" names; one
marked `thorough` runs with `--all` only.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from driver import packages, sample_registry
from driver.dbt_project import DbtProject
from driver.embedded_server import end
from driver.server_programs import installed_servers
from support.backups import SCRIPTS, drop_all
from support.dbt_runner import Dbt
from support.extensions import ExtendedServer
from support.fault_score import pytest_terminal_summary  # noqa: F401  pytest looks for it here
from support.forker import PARSED
from support.registry import OWNER, Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbt.cli.main import dbtRunnerResult

    from driver.embedded_server import EmbeddedServer

SCALE = 0.02
NEWEST_DBT = {"CMSID_PINS": "constraints-dbt-1.12.txt"}
DATABASE = "registry"  # always this name: dbt parses anew when its connection changes
STATES: dict[str, list[str]] = {"loaded": [], "baselined": ["snapshot"], "migrated": ["run-operation", "add_cms_id"]}
SETTINGS = {"max_connections": "100", "max_wal_size": "512MB"}  # its files may be in memory
# as the docs want it: tests look on as superuser, and window mode begins beside nobody it cannot look into
ATTRIBUTES = "createdb in role pg_read_all_stats"
SUPPORTED = range(14, 19)
# They begin first, so that at the end no worker is alone with one of them.
LONGEST = [
    f"test_{name}.py"
    for name in ("fault_suite", "corruptions", "window_mode", "online", "run", "rehearse", "doctor", "undo", "ongoing")
]


def _when_dbt_is_first_used() -> None:
    """Importing dbt takes seconds, which most tests do without."""
    original = DbtProject.invoke

    def invoke(project: DbtProject, *arguments: str) -> dbtRunnerResult:
        from support.parsed_once import parse_once
        from support.untraced import untrace_dbt

        DbtProject.invoke = original  # type: ignore[method-assign]
        untrace_dbt()
        parse_once()
        return original(project, *arguments)

    DbtProject.invoke = invoke  # type: ignore[method-assign, assignment]


_when_dbt_is_first_used()

# A shell without job control starts what runs in the background with Ctrl-C ignored, and nohup with SIGHUP; every child
# would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)  # ignored here all the same, but by no child


def majors() -> list[int]:
    """The major versions to test on, lowest first."""
    wanted = os.environ.get("CMSID_TEST_MAJORS", "")
    found = sorted(major for major in installed_servers() if major in SUPPORTED)
    if not wanted:
        return found
    named = sorted(int(major) for major in wanted.replace(",", " ").split())
    missing = set(named) - set(found)
    if missing:
        raise pytest.UsageError(f"CMSID_TEST_MAJORS names {sorted(missing)}; found are {found}")
    return named


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `scripts/test --all` says."""
    parser.addoption("--all", action="store_true", help="the thorough tests too, and every major version")
    parser.addoption("--rest", action="store_true", help="only what --all adds")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the thorough tests, unless all are wanted, or those that are run without `--all`; the longest come first."""
    if config.getoption("--rest"):
        left_out = [item for item in items if _is_quick(item)]
    else:
        left_out = [item for item in items if item.get_closest_marker("thorough") and not config.getoption("--all")]
    items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
    config.hook.pytest_deselected(items=left_out)


def _is_quick(item: pytest.Item) -> bool:
    """Whether it is run without `--all`."""
    major = (
        item.callspec.params.get("major") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    )
    newest = major in (None, majors()[-1]) or item.get_closest_marker("on_major") is not None
    return newest and not item.get_closest_marker("thorough")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One run for each major version that the test is for, if it needs a server."""
    if "major" in metafunc.fixturenames:
        found = majors()
        every = metafunc.config.getoption("--all") or "CMSID_TEST_MAJORS" in os.environ
        chosen = found if every and metafunc.definition.get_closest_marker("every_major") else found[-1:]
        if only := metafunc.definition.get_closest_marker("on_major"):
            chosen = list(only.args)
        metafunc.parametrize("major", chosen, ids=[f"pg{major}" for major in chosen], scope="session")


@pytest.fixture(scope="session", autouse=True)
def plain_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever the terminal's size, its owner's taste in colours and the server they usually work with."""
    own = tmp_path_factory.getbasetemp()
    parsed = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "parsed"
    parsed.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PARSED, str(parsed))
        patch.setenv("COLUMNS", "80")
        patch.setenv("LINES", "25")
        for name in list(os.environ):
            if name.startswith("PG") or name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def dbt_runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    """dbt, loaded once."""
    runner = Dbt(tmp_path_factory.mktemp("dbt"))
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def newest_dbt() -> Path:
    """The programs of the environment with dbt 1.12, which is made where it is missing, and the packages that it counts."""
    packages.install()
    subprocess.run([sys.executable, str(SCRIPTS / "cmsid"), "--version"], env={**os.environ, **NEWEST_DBT}, check=True)
    return SCRIPTS.parent / ".venv-dbt-1.12" / "bin"


class Servers:
    """The session's servers, started when first asked for, and the templates on them.

    Each of several workers has its own; the first that needs one makes all templates on it, the others begin with a copy.
    """

    def __init__(self, runner: Dbt, shared: Path | None) -> None:
        """None are running yet.

        Args:
            runner: dbt for the session.
            shared: where the workers find each other's servers; None where there is one process only.
        """
        self._runner = runner
        self._shared = shared
        self._running: dict[int, EmbeddedServer] = {}
        self._templates: dict[tuple[int, str], dict[str, int]] = {}

    def server(self, major: int) -> EmbeddedServer:
        """The server of a major version, with the role that owns registries."""
        if major not in self._running:
            server = ExtendedServer(major=major, fsync=False, settings=SETTINGS)
            if self._shared:
                server.like = self._prepared(major, self._shared / f"server-{major}")
            self._running[major] = server.start()
            if not server.like:
                server.create_role(OWNER, attributes=ATTRIBUTES)
        return self._running[major]

    def _prepared(self, major: int, copy: Path) -> Path:
        """The files of a server that has all templates, made by the worker that comes first."""
        counts = copy / "counts.json"
        with copy.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not counts.exists():
                with ExtendedServer(major=major, fsync=False, settings=SETTINGS) as server:
                    self._running[major] = server
                    server.create_role(OWNER, attributes=ATTRIBUTES)
                    made = _registry(self, self._runner, major, "migrated")
                    server.drop_database(DATABASE)
                    end(psutil.Process(server.pid))
                    server.copy_to(copy)
                counts.write_text(json.dumps(made.counts))
        self._templates.update({(major, f"template_{name}"): json.loads(counts.read_text()) for name in STATES})
        return copy

    def template(self, major: int, name: str, base: str | None, fill: Callable[[], dict[str, int]]) -> dict[str, int]:
        """Make a template once: a copy of `base` under the usual name, filled by `fill`, then put away as `name`."""
        server = self.server(major)
        key = (major, name)
        if key not in self._templates:
            server.drop_database(DATABASE)
            server.create_database(DATABASE, OWNER, base)
            counts = fill()
            with server.connect() as connection:
                connection.execute(f'alter database "{DATABASE}" rename to "{name}"')
            self._templates[key] = counts
        return self._templates[key]

    def stop(self) -> None:
        """Stop them all."""
        for server in self._running.values():
            server.stop()


@pytest.fixture(scope="session")
def servers(dbt_runner: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The session's servers."""
    workers = tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else None
    all_servers = Servers(dbt_runner, workers)
    yield all_servers
    all_servers.stop()


@pytest.fixture
def server(servers: Servers, major: int) -> EmbeddedServer:
    """A running server of this major version, shared by the session."""
    return servers.server(major)


def _registry(servers: Servers, runner: Dbt, major: int, state: str) -> Registry:
    """A fresh registry in a state: `loaded`, `baselined` or `migrated`; each is prepared once and then cloned."""
    server = servers.server(major)

    def load() -> dict[str, int]:
        with server.connect(DATABASE, OWNER) as connection:
            return sample_registry.load(connection, SCALE)

    counts = servers.template(major, "template_loaded", None, load)
    previous = "template_loaded"
    for step, command in STATES.items():

        def advance(command: list[str] = command) -> dict[str, int]:
            Registry(server, DATABASE, runner, counts).dbt_ok(*command, variables={"require_backup": False})
            return counts

        servers.template(major, f"template_{step}", previous, advance)
        previous = f"template_{step}"
        if step == state:
            break
    server.drop_database(DATABASE)
    server.create_database(DATABASE, OWNER, previous)
    return Registry(server, DATABASE, runner, counts)


@pytest.fixture
def registry(servers: Servers, dbt_runner: Dbt, major: int) -> Iterator[Registry]:
    """A fresh sample registry."""
    made = _registry(servers, dbt_runner, major, "loaded")
    yield made
    drop_all(made.server, DATABASE)  # and what restores have replaced


@pytest.fixture
def baselined_registry(servers: Servers, dbt_runner: Dbt, major: int) -> Iterator[Registry]:
    """A fresh sample registry whose baseline has been taken."""
    made = _registry(servers, dbt_runner, major, "baselined")
    yield made
    drop_all(made.server, DATABASE)  # and what restores have replaced


@pytest.fixture
def migrated_registry(servers: Servers, dbt_runner: Dbt, major: int) -> Iterator[Registry]:
    """A fresh sample registry with its baseline, and migrated (without a backup, which the tests of that have)."""
    made = _registry(servers, dbt_runner, major, "migrated")
    yield made
    drop_all(made.server, DATABASE)  # and what restores have replaced


@pytest.fixture
def empty_registry(servers: Servers, dbt_runner: Dbt, major: int) -> Iterator[Registry]:
    """A database with nothing in it, of the registry's owner."""
    server = servers.server(major)
    server.drop_database(DATABASE)
    server.create_database(DATABASE, OWNER)
    yield Registry(server, DATABASE, dbt_runner, {})
    server.drop_database(DATABASE)
