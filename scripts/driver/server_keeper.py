"""Runs one PostgreSQL server for another process and takes it down when that process is gone, however it went.

Started by `driver.embedded_server` as `python server_keeper.py`, with a plan as one JSON line on standard input, which
stays open: its end of file is the sign that the owner has finished, or was killed. Answers with one JSON line on
standard output. It lives in a session of its own, so that Ctrl-C in the owner's terminal reaches only the owner.
It needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

STOP_SECONDS = 30.0  # how long an orderly shutdown may take before the server is told to drop everything
POLL_SECONDS = 0.02
WATCH_SECONDS = 0.5
PR_SET_PDEATHSIG = 1  # from <sys/prctl.h>


class Stopped(Exception):  # noqa: N818  no error, an order
    """The owner has gone, or somebody asked this process to end."""


def _end_with_keeper() -> None:
    """Runs in the server's process before it starts: on Linux, have the kernel end it should the keeper be killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


class Keeper:
    """One server, from its plan to its end."""

    def __init__(self, plan: dict[str, Any]) -> None:
        """Take up a plan.

        Args:
            plan: `home` (folder of everything), `remove` (take it away at the end), `user` (`uid` and `gid` to run as,
                or null), `initdb` (command or null), `password_file` (for initdb, removed after it, or null),
                `postgres` (command), `data` and `log` (paths), `environment` (of both commands), `start_seconds`.
        """
        self.plan = plan
        self.home = Path(plan["home"])
        self.server: subprocess.Popen[bytes] | None = None
        self.kept = False
        self.remove = bool(plan["remove"])

    def spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a command of PostgreSQL's as the right user, its output in the log."""
        user = self.plan["user"]
        options: dict[str, Any] = {"user": user["uid"], "group": user["gid"], "extra_groups": []} if user else {}
        with Path(self.plan["log"]).open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.plan["data"],
                env=self.plan["environment"],
                start_new_session=True,
                preexec_fn=_end_with_keeper,  # noqa: PLW1509  this process has one thread
                umask=0o077,
                **options,
            )

    def owner_spoke(self, seconds: float) -> bool:
        """Wait up to `seconds` for the owner. True if it told us to stay on without it; `Stopped` if it has gone."""
        if self.kept:
            time.sleep(seconds)
            return False
        readable, _, _ = select.select([0], [], [], seconds)
        if not readable:
            return False
        if os.read(0, 64).strip() == b"keep":
            self.kept = True
            return True
        raise Stopped

    def initialise(self) -> None:
        """Create the data directory, if the plan asks for it."""
        if not self.plan["initdb"]:
            return
        process = self.spawn(self.plan["initdb"])
        self.server = process  # ended with the rest if the owner goes away meanwhile
        while process.poll() is None:
            self.owner_spoke(POLL_SECONDS)
        self.server = None
        password_file = self.plan["password_file"]
        if password_file:
            Path(password_file).unlink(missing_ok=True)
        if process.returncode != 0:
            raise RuntimeError(f"initdb ended with code {process.returncode}")

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server and wait until it accepts connections."""
        server = self.server = self.spawn(self.plan["postgres"])
        deadline = time.monotonic() + self.plan["start_seconds"]
        status_file = Path(self.plan["data"]) / "postmaster.pid"
        while True:
            if server.poll() is not None:
                raise RuntimeError(f"the server ended with code {server.returncode} while starting")
            try:
                lines = status_file.read_text().splitlines()
            except OSError:
                lines = []
            # The first line is the process, the eighth its state; a crashed server's file may still stand there.
            if lines[:1] == [str(server.pid)] and [line.strip() for line in lines[7:8]] == ["ready"]:
                return server
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server was not ready after {self.plan['start_seconds']:g} seconds")
            self.owner_spoke(POLL_SECONDS)

    def watch(self, server: subprocess.Popen[bytes]) -> None:
        """Until the owner goes, or the server ends by itself."""
        while server.poll() is None:
            self.owner_spoke(WATCH_SECONDS)

    def end(self) -> None:
        """Stop the server: orderly, then at once, then by force. Then remove its files, if they are ours to remove."""
        server = self.server
        if server is not None:
            for sign, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
                if server.poll() is not None:
                    break
                server.send_signal(sign)
                try:
                    server.wait(seconds)
                except subprocess.TimeoutExpired:
                    continue
        if self.remove:
            shutil.rmtree(self.home, ignore_errors=True)

    def last_words(self) -> str:
        """The end of the log, to explain a failed start."""
        try:
            return Path(self.plan["log"]).read_text(errors="replace")[-2000:]
        except OSError:
            return ""


def _stop(_signum: int, _frame: object) -> None:
    """Turn a request to terminate into an orderly end, and only once."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


def answer(**message: object) -> None:
    """One line to the owner, who may be gone already."""
    with contextlib.suppress(OSError):
        os.write(1, (json.dumps(message) + "\n").encode())


def main() -> None:
    """Read the plan, run the server, and see it to its end."""
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)  # unbuffered: what follows the plan is for select() to see
        if not byte:
            return
        line += byte
    keeper = Keeper(json.loads(line))
    signal.signal(signal.SIGTERM, _stop)
    try:
        keeper.initialise()
        server = keeper.start()
        answer(pid=server.pid)
        keeper.watch(server)
    except Stopped:
        pass
    except (OSError, RuntimeError) as problem:
        keeper.remove = False  # the owner may want to try again in the same folder
        answer(problem=str(problem), log=keeper.last_words())
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        keeper.end()


if __name__ == "__main__":
    main()
