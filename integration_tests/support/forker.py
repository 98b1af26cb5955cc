"""Commands as processes without the time to load: one process loads dbt and the driver, and each command is a fork of it.

A request is one JSON line: `name` (cmsid or dbt), `args`, `env` (the whole environment), `cwd`, `output` (file for all
that is printed), `done` (file that gets the exit status when it has ended). The answer is one line with the process.
Commands run side by side; the end of standard input ends the forker.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PARSED = "PARSED_PROJECTS"  # the variable with the folder of parsed_once
POLL = 0.02  # seconds
INTERRUPTED, BROKEN = 130, 2


@dataclass
class Command:
    """A command that was started.

    Attributes:
        words: what was typed.
        pid: its process, which leads a group of its own.
    """

    words: str
    pid: int
    _output: Path
    _done: Path

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._done.exists()

    @property
    def text(self) -> str:
        """What it has printed until now."""
        return self._output.read_text(errors="replace")

    @property
    def flat(self) -> str:
        """What it has printed, as one line."""
        return " ".join(self.text.split())

    def wait(self, seconds: float = 240) -> int:
        """Wait for its end. Returns its exit status; negative: the signal that ended it."""
        until(lambda: self.ended, seconds, lambda: f"{self.words} did not end; it printed:\n{self.text}")
        return int(self._done.read_text())

    def signal(self, number: int) -> None:
        """Send it a signal; SIGKILL takes its children with it, as the end of a machine would."""
        if number == signal.SIGKILL:
            self.kill()
        else:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it and its children, as far as they are still there."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            children = process.children(recursive=True)
            for each in (process, *children):  # so that it cannot notice
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()

    def children(self, beginning: str) -> list[psutil.Process]:
        """Its children whose names begin so."""
        found = psutil.Process(self.pid).children(recursive=True)
        return [child for child in found if child.name().startswith(beginning)]


@dataclass
class Forker:
    """Starts commands.

    Attributes:
        folder: a private folder, for what they print.
        scripts: the folder with the driver to load.
    """

    folder: Path
    scripts: Path
    _process: subprocess.Popen[str] | None = None
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, name: str, args: Sequence[str], environment: Mapping[str, str], cwd: Path) -> Command:
        """Start `cmsid` or `dbt` with these arguments, this environment, whole, and in this folder."""
        with self._lock:
            self._number += 1
            output, done = (self.folder / f"{kind}-{self._number}" for kind in ("output", "done"))
            output.touch(mode=0o600)
            request = {
                "name": name,
                "args": list(args),
                "env": dict(environment),
                "cwd": str(cwd),
                "output": str(output),
                "done": str(done),
            }
            process = self._loaded()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            return Command(" ".join([name, *args]), int(process.stdout.readline()), output, done)

    def close(self) -> None:
        """End the process that forks."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(60)
            self._process = None

    def _loaded(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            path = os.pathsep.join([str(self.scripts), str(Path(__file__).parents[1])])
            self._process = subprocess.Popen(
                # dbt's locks end with the fork that made them, which Python's tracker of such things remarks on.
                [sys.executable, "-W", "ignore:resource_tracker:UserWarning", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )
        return self._process


# ---- the process that forks


def serve() -> None:
    """Serve requests."""
    from support.parsed_once import get_ready, keep_parsed, parse_once
    from support.untraced import untrace_dbt

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    importlib.import_module("driver.cli")
    importlib.import_module("dbt.adapters.postgres")
    importlib.import_module("driver.report.show")
    untrace_dbt()
    parse_once()
    get_ready()
    gc.disable()  # a fork ends before garbage matters, and looking for it among all that dbt has loaded takes long
    done: dict[int, Path] = {}
    stdin = os.fdopen(os.dup(0), "rb", buffering=0)  # or a request could wait in a buffer that select cannot see
    while True:
        readable, _, _ = select.select([stdin], [], [], POLL if done else None)
        _reap(done)
        if not readable:
            continue
        line = stdin.readline()
        if not line:
            return
        request = json.loads(line)
        keep_parsed()
        child = os.fork() or _run(request)
        done[child] = Path(request["done"])
        os.write(1, f"{child}\n".encode())


def _reap(done: dict[int, Path]) -> None:
    """Write down how those ended that have."""
    while done:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        file = done.pop(child)
        draft = file.with_suffix(".draft")
        draft.write_text(str(os.waitstatus_to_exitcode(status)))
        draft.replace(file)


def _run(request: dict[str, Any]) -> int:
    """In the fork: run the command, and end with it."""
    code: int | str | None = BROKEN
    try:
        os.setsid()
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = [request["name"], *request["args"]]
        code = (_dbt if request["name"] == "dbt" else _cmsid)(request["args"])
    except SystemExit as end:
        code = 1 if isinstance(end.code, str) else end.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BaseException:  # noqa: BLE001  whatever it was belongs in the output, not in the forker
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code or 0))


def _cmsid(arguments: list[str]) -> int:
    from driver import cli

    return cli.main(arguments)


def _dbt(arguments: list[str]) -> None:
    """Plain dbt, which runs nothing of the driver, so nothing is measured, and no signal is answered for it."""
    from dbt.cli.main import cli

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    cli(args=arguments, standalone_mode=True)


if __name__ == "__main__":
    serve()
