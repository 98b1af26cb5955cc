"""The embedded server comes up anywhere, lets in nobody without a password, and leaves nothing behind."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import psycopg2
import pytest

from driver import embedded_server
from driver.embedded_server import EmbeddedServer, stop_orphan, sweep
from driver.errors import Problem
from driver.server_programs import installed_servers
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
QUICK = 60.0  # seconds in which a server must be gone, however busy the machine is

# Starts a server, tells where it is, and waits; what happens on Ctrl-C is told too.
OWNER_PROGRAM = """
import json, os, sys, time
from pathlib import Path
from driver.embedded_server import EmbeddedServer
folder = sys.argv[1] if len(sys.argv) > 1 else None
with EmbeddedServer(data_dir=Path(folder) if folder else None, fsync=False) as server:
    told = {"home": str(server.home), "pid": server.pid, "euid": os.geteuid()}
    try:
        print(json.dumps(told), flush=True)
        time.sleep(600)
    except KeyboardInterrupt:
        with server.connect() as connection:
            print(connection.execute("select 'still there'").fetchone()[0], flush=True)
        raise
"""


def gone(pid: int) -> bool:
    """Whether there is no such process, or only its name is left."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def owner() -> Iterator[Callable[..., tuple[subprocess.Popen[str], dict[str, Any]]]]:
    """Starts processes that own a server; each in a process group of its own, like a command in a terminal."""
    started: list[tuple[subprocess.Popen[str], dict[str, Any]]] = []

    def start(*args: str, prefix: tuple[str, ...] = ()) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        process = subprocess.Popen(
            [*prefix, sys.executable, "-c", OWNER_PROGRAM, *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        started.append((process, json.loads(line)))
        return started[-1]

    yield start
    for process, told in started:
        process.kill()
        process.communicate()
        until(functools.partial(gone, told["pid"]), QUICK)


@pytest.mark.every_major
def test_every_client_reaches_it(major: int) -> None:
    with EmbeddedServer(major=major, fsync=False) as server:
        assert server.major == major
        server.create_role('o\'wner "x"', "pass:word\\'\"")
        server.create_database('odd "name"', owner='o\'wner "x"')
        where = server.environment('odd "name"', 'o\'wner "x"')
        with server.connect('odd "name"', 'o\'wner "x"') as connection:
            assert connection.info.server_version // 10000 == major
            connection.execute("create table kept (id int)")
            assert connection.execute("show fsync").fetchone() == ("off",)
        older = psycopg2.connect(
            host=where["PGHOST"],
            port=where["PGPORT"],
            dbname=where["PGDATABASE"],
            user=where["PGUSER"],
            password=where["PGPASSWORD"],
        )
        older.close()
        assert server.socket_dir is not None
        with psycopg.connect(
            host=str(server.socket_dir),
            port=server.port,
            dbname="postgres",
            user="postgres",
            password=server.passwords["postgres"],
        ) as connection:
            assert connection.execute("select inet_server_addr() is null").fetchone() == (True,)
        # pg_dump with the password file instead of the variable
        del where["PGPASSWORD"]
        dump = subprocess.run(
            [server.programs / "pg_dump"],
            env={**os.environ, **where, "PGPASSFILE": str(server.password_file)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "CREATE TABLE public.kept" in dump.stdout


@pytest.fixture
def plain_server() -> Iterator[EmbeddedServer]:
    """A server of the default version."""
    with EmbeddedServer(fsync=False) as server:
        yield server


@pytest.mark.parametrize("password", [None, "wrong"])
@pytest.mark.parametrize("through", ["tcp", "socket"])
def test_nobody_gets_in_without_the_password(plain_server: EmbeddedServer, password: str | None, through: str) -> None:
    host = plain_server.host if through == "tcp" else str(plain_server.socket_dir)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(
            host=host,
            port=plain_server.port,
            dbname="postgres",
            user="postgres",
            password=password,
            passfile="/dev/null",
        )


def test_files_are_private(plain_server: EmbeddedServer) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert mode(plain_server.home) & 0o066 == 0
    assert mode(plain_server.data) == mode(plain_server.home / "socket") == 0o700
    assert mode(plain_server.password_file) == mode(plain_server.log) == 0o600
    assert not (plain_server.home / "socket" / "initial").exists()
    secret = plain_server.passwords["postgres"]
    assert secret not in " ".join(psutil.Process(plain_server.pid).cmdline())


@pytest.mark.thorough
def test_listens_on_the_loopback_address_only(plain_server: EmbeddedServer) -> None:
    listening = [
        c.laddr for c in psutil.Process(plain_server.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN
    ]
    assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", plain_server.port)]


@pytest.mark.thorough
def test_durable_unless_told_otherwise() -> None:
    with EmbeddedServer() as server, server.connect() as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            assert connection.execute(f"show {setting}".encode()).fetchone() == ("on",)


@pytest.mark.thorough
def test_settings_of_the_caller_win() -> None:
    settings = {"synchronous_commit": "on", "work_mem": "7MB"}
    with EmbeddedServer(fsync=False, settings=settings) as server, server.connect() as connection:
        assert connection.execute("show synchronous_commit").fetchone() == ("on",)
        assert connection.execute("show work_mem").fetchone() == ("7MB",)


@pytest.mark.thorough
def test_scarce_shared_memory_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_server, "ENOUGH_SHARED_MEMORY", 1 << 60)
    with EmbeddedServer(fsync=False) as server, server.connect() as connection:
        shown = connection.execute("show dynamic_shared_memory_type").fetchone()
        assert shown == ("mmap",) or not embedded_server.SHARED_MEMORY.exists()


def test_nothing_left_after_the_block() -> None:
    with EmbeddedServer(fsync=False) as server:
        home, pid = server.home, server.pid
        assert server.running
    assert not home.exists()
    assert gone(pid)
    assert not server.running


@pytest.mark.thorough
def test_nothing_left_after_an_error_even_if_it_was_to_be_kept() -> None:
    server = EmbeddedServer(fsync=False, keep=True)
    seen: dict[str, Any] = {}

    def fail() -> None:
        with server:
            seen.update(home=server.home, pid=server.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not seen["home"].exists()
    assert gone(seen["pid"])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
@pytest.mark.parametrize(
    "sign",
    [signal.SIGKILL, *(pytest.param(each, marks=pytest.mark.thorough) for each in (signal.SIGTERM, signal.SIGHUP))],
)
def test_server_ends_with_its_owner_and_the_next_start_tidies_up(owner: Any, sign: signal.Signals) -> None:
    process, told = owner()
    os.kill(process.pid, sign)
    assert process.wait(QUICK) == -sign
    until(lambda: gone(told["pid"]), QUICK)
    log, home = Path(told["home"]) / "log", Path(told["home"])
    # Another start may be sweeping at the same moment.
    assert not log.exists() or "database system is shut down" in log.read_text(), "the shutdown is orderly"
    with EmbeddedServer(fsync=False):
        until(lambda: not home.exists(), QUICK)


def test_interrupt_from_the_terminal_reaches_the_owner_only(owner: Any) -> None:
    process, told = owner()
    os.killpg(process.pid, signal.SIGINT)
    printed, errors = process.communicate(timeout=QUICK)
    assert printed.strip() == "still there", f"the server must still answer while the owner cleans up: {errors}"
    assert "KeyboardInterrupt" in errors
    assert not Path(told["home"]).exists(), "the owner waits for the end"
    assert gone(told["pid"])


@pytest.mark.thorough
def test_sweep_ends_a_server_that_outlived_its_owner() -> None:
    """As where the kernel does not end it."""
    server = EmbeddedServer(fsync=False, keep=True).start()
    process = psutil.Process(server.pid)
    server._let_go()  # as the system does with the lock of a process that was killed
    with EmbeddedServer(fsync=False):
        until(lambda: not server.home.exists(), QUICK)  # a start elsewhere may be sweeping at the same moment
    until(lambda: gone(process.pid), QUICK)


def test_sweep_spares_a_process_that_has_got_an_old_servers_number(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n")
    stop_orphan(tmp_path)  # else it would end this very process


def test_sweep_leaves_others_alone(plain_server: EmbeddedServer, tmp_path: Path) -> None:
    fresh = tmp_path / "cmsid-server-fresh"
    fresh.mkdir()
    target = tmp_path / "precious"
    target.mkdir()
    (tmp_path / "cmsid-server-link").symlink_to(target)
    kept = tmp_path / "cmsid-server-kept"
    kept.mkdir()
    (kept / "owner").write_text("kept\n")
    old = tmp_path / "cmsid-server-old"
    old.mkdir()
    (old / "owner").write_text("")
    assert sweep(tmp_path) == [old]
    assert fresh.exists()
    assert target.exists()
    assert kept.exists()
    assert plain_server.home not in sweep()
    with plain_server.connect() as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_kept_server_outlives_its_owner_until_it_is_stopped() -> None:
    with EmbeddedServer(fsync=False, keep=True) as server:
        server.create_role("someone")
    code = "import sys; sys.exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)
    with server.connect(user="someone") as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    sweep()
    assert server.home.exists(), "a kept server is nobody's left-over"
    subprocess.run(["/bin/sh", "-c", server.stop_command], check=True)
    until(lambda: gone(server.pid), QUICK)
    assert not server.home.exists()


def place_for_anyone(tmp_path: Path) -> Path:
    """A folder that any account may enter; the temporary folders of tests are the caller's only."""
    if os.geteuid() != 0:
        return tmp_path / "server"
    return Path("/var/tmp") / f"cmsid-test-{os.getpid()}-{tmp_path.name}"  # noqa: S108  its parent is the point


@pytest.fixture
def given_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for a server that the caller names."""
    folder = place_for_anyone(tmp_path)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_named_folder_stays_and_serves_again(given_folder: Path) -> None:
    with EmbeddedServer(given_folder, fsync=False) as server:
        server.create_role("someone", "a:b\\c")
        server.create_database("mine", "someone")
    assert (given_folder / "data" / "PG_VERSION").exists()
    with EmbeddedServer(given_folder, fsync=False) as server, server.connect("mine", "someone") as connection:
        assert connection.execute("select current_user").fetchone() == ("someone",)
        with pytest.raises(Problem, match="already runs on this folder"):
            EmbeddedServer(given_folder, fsync=False).start()
        assert connection.execute("select 1").fetchone() == (1,)
    with pytest.raises(Problem, match="made by PostgreSQL 18, not 16"):
        EmbeddedServer(given_folder, major=16).start()


def test_failed_start_says_why_and_leaves_nothing() -> None:
    server = EmbeddedServer(fsync=False, settings={"work_mem": "lots"})
    with pytest.raises(Problem, match="did not start") as caught:
        server.start()
    assert "work_mem" in caught.value.message
    assert "\n" not in caught.value.message
    assert not server.home.exists()


@pytest.mark.thorough
def test_taken_port_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        taken = busy.getsockname()[1]
        free = embedded_server._free_port
        answers = iter([taken, taken])
        monkeypatch.setattr(embedded_server, "_free_port", lambda: next(answers, None) or free())
        with EmbeddedServer(fsync=False) as server:
            assert server.port != taken
            with server.connect() as connection:
                assert connection.execute("select 1").fetchone() == (1,)


def test_unknown_version_is_refused_with_the_choice() -> None:
    with pytest.raises(Problem, match="PostgreSQL 9 is not installed here: choose one of"):
        EmbeddedServer(major=9)


def test_folder_without_a_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="there is no PostgreSQL server in this folder"):
        EmbeddedServer(programs=tmp_path)


needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another")


@needs_root
def test_started_by_root_it_runs_as_somebody_else(plain_server: EmbeddedServer) -> None:
    uids = psutil.Process(plain_server.pid).uids()
    assert 0 not in (uids.real, uids.effective, uids.saved)
    assert psutil.Process(plain_server.pid).gids().effective != 0


@pytest.mark.thorough
@needs_root
def test_programs_in_a_private_folder_are_copied_where_the_server_may_run_them(tmp_path: Path) -> None:
    programs = installed_servers()[18]
    install, package = programs.parent, programs.parent.parent
    private = tmp_path / "private"
    shutil.copytree(install, private / package.name / install.name, symlinks=True)
    shutil.copytree(package.with_name(package.name + ".libs"), private / (package.name + ".libs"), symlinks=True)
    private.chmod(0o700)
    copied = private / package.name / install.name / programs.name
    with EmbeddedServer(programs=copied, fsync=False) as server:
        with server.connect() as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert (server.home / "program").exists()
        assert server.programs == copied
    assert stat.S_IMODE(private.stat().st_mode) == 0o700, "nobody's folders are opened up"


@needs_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_started_by_an_ordinary_user(owner: Any) -> None:
    # The capability lets it read this interpreter wherever that stands; PostgreSQL and we look at the user only.
    capability = "-all,+dac_read_search"
    become_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    prefix = (*become_nobody, f"--inh-caps={capability}", f"--ambient-caps={capability}")
    process, told = owner(prefix=prefix)
    assert told["euid"] == 65534
    assert Path(told["home"]).stat().st_uid == 65534
    assert psutil.Process(told["pid"]).uids().real == 65534
    os.kill(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=QUICK)
    assert printed.strip() == "still there"
    assert not Path(told["home"]).exists()
    assert gone(told["pid"])
