"""First use: make a virtual environment from pinned requirements, then go on inside it.

Standard library only, since it runs before anything is installed. What is imported at the top is paid for by every
command; the rest is imported where an environment has to be made.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / ".cache"
SKIP = "CMSID_NO_VENV"
NEEDED_BYTES = 700 * 1024 * 1024
INTERRUPTED = 130


class Environment(NamedTuple):
    """A virtual environment of this project and the files that say what is in it."""

    directory: Path
    requirements: Path
    constraints: Path
    purpose: str

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def stamp(self) -> Path:
        """The file that is written last, so that its presence means the environment is complete."""
        return self.directory / "cmsid.complete"


RUNTIME = Environment(ROOT / ".venv", ROOT / "requirements.txt", ROOT / "constraints.txt", "cmsid")
DEVELOPMENT = Environment(
    ROOT / ".venv-dev", ROOT / "requirements-dev.txt", ROOT / "constraints-dev.txt", "the tests and linters"
)
BENCHMARK = Environment(
    ROOT / ".venv-bench", ROOT / "requirements-bench.txt", ROOT / "constraints-bench.txt", "the benchmark"
)


def enter(environment: Environment) -> None:
    """Return inside the environment: at once if this process runs in it, else by starting the command anew in it.

    Exits 1 with one sentence if the environment cannot be made, 130 on Ctrl-C.
    """
    if os.environ.get(SKIP):
        return
    inside = _is_inside(environment)
    if not _is_complete(environment):
        _make(environment)
    elif inside:
        return
    _restart(environment)


def _is_inside(environment: Environment) -> bool:
    return os.path.realpath(sys.prefix) == os.path.realpath(environment.directory)


def _is_complete(environment: Environment) -> bool:
    """Whether the environment was finished, in this place, from these very pins, by a Python that is still there."""
    try:
        return environment.stamp.read_text("utf-8") == _stamp_text(environment)
    except OSError:
        return False


def _stamp_text(environment: Environment) -> str:
    # Console scripts hold the directory's name, so a project that was moved needs its environment anew.
    parts = [str(environment.directory), os.path.realpath(environment.python)]
    parts += [file.read_text("utf-8") for file in (environment.requirements, environment.constraints)]
    return "\n".join(parts)


def _restart(environment: Environment) -> NoReturn:
    """Run the same command line with the environment's Python."""
    for name in ("PYTHONHOME", "PYTHONPATH"):
        os.environ.pop(name, None)
    from driver.interpreter import become

    become([str(environment.python), *sys.argv])


def _make(environment: Environment) -> None:
    """Make the environment anew, one process at a time. Exits 1 with one sentence if that fails, 130 on Ctrl-C."""
    try:
        with exclusive() as lock:
            # Another process may have made it while this one waited for its turn.
            if not _is_complete(environment):
                _build(environment, lock)
    except KeyboardInterrupt:
        print("\nInterrupted: nothing is set up yet, the next run begins anew.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except OSError as error:
        sys.exit(f"Error: cannot make {environment.directory} ({error.strerror or error}): {_remedy(error)}.")


def _remedy(error: OSError) -> str:
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some disk space, then run this again"
    return "make the project's directory writable for you, then run this again"


@contextmanager
def exclusive() -> Iterator[IO[str]]:
    """Hold the lock for setting up; the operating system frees it when its holders end, however they end."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("a") as lock:
        if not _try_lock(lock):
            print("Another cmsid is setting up here; waiting for it.", file=sys.stderr, flush=True)
            import time

            while not _try_lock(lock):
                time.sleep(0.2)
        yield lock


def _try_lock(lock: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _build(environment: Environment, lock: IO[str]) -> None:
    import shutil
    import time

    from driver.interpreter import require_venv

    require_venv()
    start = time.monotonic()
    if environment.directory.is_symlink():  # to make it anew would empty a folder that is somebody else's
        sys.exit(
            f"Error: {environment.directory} is a link to {environment.directory.resolve()}, which was not made from this"
            " project's pins: remove the link, then run this again."
        )
    free = shutil.disk_usage(ROOT).free
    if free < NEEDED_BYTES:
        sys.exit(
            f"Error: {ROOT} has {free >> 20} MB free, and setting up takes {NEEDED_BYTES >> 20} MB: free some disk"
            " space, then run this again."
        )
    name = environment.directory.name
    total = sum("==" in line for line in environment.constraints.read_text("utf-8").splitlines())
    progress = _Progress(f"First use: setting up {name} for {environment.purpose}, about {total} packages")
    environment.stamp.unlink(missing_ok=True)
    # From within the environment that is about to be replaced, only the Python it was made with can make it.
    base = os.path.realpath(sys.executable) if _is_inside(environment) else sys.executable
    log = CACHE / f"setup{name}.log"
    with log.open("w", encoding="utf-8") as output:
        _run([base, "-I", "-m", "venv", "--clear", str(environment.directory)], lock, output, progress, log)
        options = ["--no-input", "--progress-bar", "off", "--disable-pip-version-check", "--retries", "2"]
        pins = ["-r", str(environment.requirements), "-c", str(environment.constraints)]
        command = [str(environment.python), "-I", "-m", "pip", "install", *options, *pins]
        _run(command, lock, output, progress, log)
    temporary = environment.stamp.with_suffix(".part")
    temporary.write_text(_stamp_text(environment), "utf-8")
    temporary.replace(environment.stamp)
    progress.finish(f"{name} is ready after {time.monotonic() - start:.0f} s.")


class _Progress:
    """One line on a terminal that is overwritten; elsewhere a line at the beginning and one at the end."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._live = sys.stderr.isatty()
        self._packages = 0
        self._write(title + " …", end="" if self._live else "\n")

    def follow(self, line: str) -> None:
        """Show where pip is, given a line of its output."""
        if line.startswith("Collecting "):
            self._packages += 1
            self._show(f"{self._packages}: {line.split()[1].partition('=')[0]}")
        elif line.startswith("Installing collected packages"):
            self._show("installing")

    def finish(self, text: str) -> None:
        """End with `text` on a line of its own."""
        self._write(("\r\x1b[2K" if self._live else "") + text)

    def _show(self, detail: str) -> None:
        if self._live:
            self._write(f"\r\x1b[2K{self._title} · {detail}", end="")

    @staticmethod
    def _write(text: str, end: str = "\n") -> None:
        # A terminal that knows no such characters must not stop the set-up.
        encoding = sys.stderr.encoding or "ascii"
        print(text.encode(encoding, "replace").decode(encoding), end=end, file=sys.stderr, flush=True)


def _run(command: list[str], lock: IO[str], output: IO[str], progress: _Progress, log: Path) -> None:
    """Run a step with its output in the log; exits 1 with one sentence if it fails."""
    import subprocess

    elsewhere = ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_ROOT")
    surroundings = {name: value for name, value in os.environ.items() if name not in elsewhere}
    # The step holds the lock too: if this process is killed, nobody else begins while the step is still at work.
    inherited = () if os.name == "nt" else (lock.fileno(),)
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=surroundings,
        pass_fds=inherited,
    )
    lines: list[str] = []
    try:
        for line in child.stdout or ():
            output.write(line)
            lines.append(line.strip())
            progress.follow(line)
        code = child.wait()
    except BaseException:
        child.terminate()
        child.wait()
        raise
    if code:
        output.flush()
        progress.finish("")
        sys.exit(f"Error: {_reason(lines)} (details: {log.relative_to(ROOT)}).")


UNREACHABLE = (
    "connection broken by",
    "Max retries exceeded",
    "NewConnectionError",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Network is unreachable",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
)


def _reason(lines: list[str]) -> str:
    """What went wrong and what to do, from a failed step's output."""
    import re

    text = "\n".join(lines)
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return "the disk is full: free some space, then run this again"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            "the package index's certificate is not trusted here: point PIP_CERT at your site's certificates, then run"
            " this again"
        )
    if any(sign in text for sign in UNREACHABLE):
        return (
            "the package index cannot be reached: connect to the network, or name your own index in PIP_INDEX_URL (a"
            " proxy in HTTPS_PROXY), then run this again"
        )
    # With a constraint on it, pip calls a package that it cannot find a conflict.
    missing = re.search(r"No matching distribution found for (\S+)|Cannot install (\S+) because", text)
    if missing:
        version = ".".join(map(str, sys.version_info[:2]))
        return (
            f"the package index offers no {missing[1] or missing[2]} for Python {version} on {sys.platform}: check"
            " PIP_INDEX_URL and PIP_NO_INDEX, then run this again"
        )
    last = next((line for line in reversed(lines) if line), "no message")
    return f"setting up failed with: {last}"
