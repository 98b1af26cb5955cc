"""The folders of embedded servers: made where the server may use them, owned for life, swept when abandoned.

Each holds a file `owner`, which the process that started the server keeps locked as long as it lives; the system lets go of
the lock however that process ends, so a free lock means that nobody looks after the folder any more.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from driver.backup.files import write_private
from driver.errors import Problem

if sys.platform != "win32":
    import fcntl
    import pwd

PREFIX = "cmsid-server-"
KEPT = "kept"  # what the owner file says once a server is meant to outlive its owner
SYSTEM_PLACES = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  folders in them get random names and no access for others
UNFINISHED_SECONDS = 600.0  # a folder without an owner file is older than this before it counts as left behind
# An orderly shutdown, then at once, then by force, and how long each may take.
ENDINGS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)) if sys.platform != "win32" else ()
CANDIDATES = ("pgserver", "postgres", "nobody")  # the first of these that exists; none is created


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
