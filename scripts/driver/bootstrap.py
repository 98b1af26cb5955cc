"""Go on in an environment of this project's own: with a Python that will do, and the packages that constraints.txt pins.

Runs before anything is installed, on the Python the machine happens to have: standard library only, no syntax newer than
3.6. What is imported at the top is paid for by every command; the rest is imported where an environment is made.
"""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import IO, Dict, Iterator, List, NamedTuple, NoReturn

OLDEST = (3, 10)
# dbt-core 1.11 names 3.13 as its newest Python; on a later one it installs and then fails while it is imported.
NEWEST = (3, 13)

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / ".cache"
SKIP = "CMSID_NO_VENV"
PINS = "CMSID_PINS"
PROJECT = "CMSID_PROJECT_DIR"
INTERRUPTED = 130


def project() -> Path:
    """The dbt project that the commands are about: this one, or another that has it as a package."""
    return Path(os.environ.get(PROJECT) or ROOT)


class Environment(NamedTuple):
    """A virtual environment of this project: what pyproject.toml says the project needs, and one of its groups."""

    directory: Path
    groups: List[str]
    purpose: str

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def stamp(self) -> Path:
        """The file that is written last, so that its presence means the environment is complete."""
        return self.directory / "cmsid.complete"


def _pins() -> Path:
    """The file of the pins: constraints.txt, or another full set of them."""
    return ROOT / (os.environ.get(PINS) or "constraints.txt")


def _directory(name: str) -> Path:
    # Other pins, another folder: nobody's environment is made anew while they work in it.
    return ROOT / "-".join([name] + [word for word in _pins().stem.split("-") if word != "constraints"])


RUNTIME = Environment(_directory(".venv"), [], "cmsid")
DEVELOPMENT = Environment(_directory(".venv-dev"), ["dev"], "the tests and linters")
BENCHMARK = Environment(_directory(".venv-bench"), ["bench"], "the benchmark")


def enter(environment: Environment) -> None:
    """Return inside the environment: at once if this process runs in it, else by starting the command anew in it.

    Exits 1 with one sentence if the environment cannot be made, 130 on Ctrl-C.
    """
    _use_supported_python()
    if os.environ.get(SKIP):
        return
    if not _is_complete(environment):
        _make(environment)
    elif _is_inside(environment):
        return
    # Containers often have Python keep no bytecode; dbt's start takes twice as long without, and this environment is ours.
    for name in ("PYTHONHOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    _become([str(environment.python), *sys.argv])


def _use_supported_python() -> None:
    """Return if this Python's version will do; else start the same command with one that does. Exits 1 if none does."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    for minor in (12, 13, 11, 10):
        other = which(f"python3.{minor}")
        if other and _starts(other):  # a version manager's stand-in may not
            _become([other, *sys.argv])
    sys.exit(
        f"Error: this needs Python 3.{OLDEST[1]} to 3.{NEWEST[1]} and found {sys.version.split()[0]} ({sys.executable}):"
        " install one of them, then run this again; it is found by itself when python3.12, or its like, is on the PATH."
    )


def _starts(python: str) -> bool:
    try:
        return subprocess.call([python, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def _become(command: List[str]) -> NoReturn:
    """Put `command` in this process's place; its exit code is then that of this command."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":
        # Windows has no exec. The child is sent Ctrl-C as well, and is the one to answer it.
        child = subprocess.Popen(command)
        while True:
            try:
                sys.exit(child.wait())
            except KeyboardInterrupt:
                continue
    os.execv(command[0], command)


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
    return "\n".join([str(environment.directory), os.path.realpath(environment.python), _pins().read_text("utf-8")])


def _make(environment: Environment) -> None:
    """Make the environment anew, one process at a time. Exits 1 with one sentence if that fails, 130 on Ctrl-C."""
    try:
        if not _pins().is_file():
            sys.exit(f"Error: there are no pins in {_pins()}: correct {PINS}, or unset it.")
        with exclusive() as lock:
            # Another process may have made it while this one waited for its turn.
            if not _is_complete(environment):
                _build(environment, lock)
    except KeyboardInterrupt:
        print("\nInterrupted: nothing is set up yet, the next run begins anew.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except OSError as error:
        where = error.filename or environment.directory
        sys.exit(
            f"Error: cannot make {where} ({error.strerror or error}): see to it that there is room, and that the project's"
            " directory is writable for you, then run this again."
        )


@contextmanager
def exclusive() -> Iterator[IO[str]]:
    """Hold the lock for setting up; the operating system frees it when its holders end, however they end."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("a") as lock:
        if not try_lock(lock):
            print("Another cmsid is setting up here; waiting for it.", file=sys.stderr, flush=True)
            import time

            while not try_lock(lock):
                time.sleep(0.2)
        yield lock


def try_lock(lock: IO[str]) -> bool:
    """Take the lock on a file that is free. The operating system frees it when the file is closed, however that happens."""
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
    import time

    start = time.monotonic()
    directory, python = environment.directory, str(environment.python)
    print(f"First use: setting up {directory.name} for {environment.purpose} …", file=sys.stderr, flush=True)
    if directory.is_symlink():  # to make it anew would empty a folder that is somebody else's
        directory.unlink()
    environment.stamp.unlink(missing_ok=True)
    # From within the environment that is about to be replaced, only the Python it was made with can make it.
    base = os.path.realpath(sys.executable) if _is_inside(environment) else sys.executable
    with (CACHE / f"setup{directory.name}.log").open("w", encoding="utf-8") as log:

        def must_do(command: List[str]) -> None:
            told = _told_by(command, log, lock)
            if told:
                sys.exit(f"Error: {_reason(told)} (details: {Path(log.name).relative_to(ROOT)}).")

        must_do([base, "-I", "-m", "venv", "--clear", "--without-pip", str(directory)])
        # A pip that is there and can install elsewhere (22.3 and later) saves what it takes to unpack another.
        pip = [base, "-I", "-m", "pip", "--python", python]
        if _told_by([*pip, "--version"], log, lock):
            pip = [python, "-I", "-m", "pip"]
            must_do([python, "-I", "-m", "ensurepip"])
        install = [*pip, "install", "--no-input", "--disable-pip-version-check", "--retries", "2"]
        # uv does the same in a fifth of the time. Where it cannot be had, or knows less than pip of how to get there, pip does.
        uv = [str(environment.python.with_name("uv")), "pip", "install", "--python", python]
        wanted = ["-r", "pyproject.toml", *(f"--group={group}" for group in environment.groups), "-c", str(_pins())]
        pin = next(
            (line.split()[0] for line in _pins().read_text("utf-8").splitlines() if line.startswith("uv==")), "uv"
        )
        if _told_by([*install, "--no-deps", pin], log, lock) or _told_by([*uv, *wanted], log, lock, _as_uv_has_it(pip)):
            print("uv cannot be used here; pip takes a minute …", file=sys.stderr, flush=True)
            must_do([*install, *_requirements(environment), "-c", str(_pins())])
    temporary = environment.stamp.with_suffix(".part")
    temporary.write_text(_stamp_text(environment), "utf-8")
    temporary.replace(environment.stamp)
    print(f"{directory.name} is ready after {time.monotonic() - start:.0f} s.", file=sys.stderr)


def _requirements(environment: Environment) -> List[str]:
    """What pyproject.toml asks for, for pip, which reads only groups, and those not in every version."""
    import importlib
    import sysconfig

    # Python has a reader of its own since 3.11; before, pip's.
    sys.path.append(sysconfig.get_path("purelib", vars={"base": str(environment.directory)}))
    tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "pip._vendor.tomli")
    content = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = [content["dependency-groups"][group] for group in environment.groups]
    return [line for lines in [content["project"]["dependencies"], *groups] for line in lines]


AS_UV_HAS_IT = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_OFFLINE",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}


def _as_uv_has_it(pip: List[str]) -> Dict[str, str]:
    """How pip is told to reach its index, by files and variables, in variables that uv reads."""
    import ast

    listed = subprocess.run([*pip, "config", "list"], stdout=subprocess.PIPE, check=False).stdout.decode()
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_SYSTEM_CERTS": "1"}  # as pip does it
    # Sections in the order in which pip lets one win over the other: global, install, :env:.
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in ("global", "install", ":env:") and name in AS_UV_HAS_IT:
            found[AS_UV_HAS_IT[name]] = (",".join if name == "find-links" else " ".join)(
                ast.literal_eval(value).split()
            )
    return {**found, **os.environ}


ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_ROOT", "PIP_PYTHON")


def _told_by(command: List[str], log: IO[str], lock: IO[str], variables: "Dict[str, str] | None" = None) -> str:
    """Run a step of making an environment. Returns what it said if it failed; empty if it worked."""
    process = subprocess.run(
        command,
        cwd=str(ROOT),
        env={name: value for name, value in (variables or os.environ).items() if name not in ELSEWHERE},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # It holds the lock too: if this process is killed, nobody else begins while the step is still at work.
        pass_fds=() if os.name == "nt" else (lock.fileno(),),
        check=False,
    )
    output = process.stdout.decode("utf-8", "replace")
    log.write(f"{' '.join(command)}\n{output}\n")
    return (output or "no message") if process.returncode else ""


AGAIN = ", then run this again"
REASONS = {
    "No space left on device|Disk quota exceeded": "the disk is full: free some space",
    "ensurepip": "this Python cannot make virtual environments: install what is missing (on Debian and Ubuntu: apt install"
    f" python3.{sys.version_info[1]}-venv)",
    "CERTIFICATE_VERIFY_FAILED": "the package index's certificate is not trusted here: point PIP_CERT at your site's"
    " certificates",
    "[Cc]onnection broken by|Max retries exceeded|Failed to establish a new connection|Name or service not known|Network is"
    " unreachable|ConnectTimeoutError|ReadTimeoutError|ProxyError": "the package index cannot be reached: connect to the"
    " network, or name your own index in PIP_INDEX_URL (a proxy in HTTPS_PROXY)",
    # With a constraint on it, pip calls a package that it cannot find a conflict.
    r"No matching distribution found for (?P<this>\S+)|Cannot install (?P<that>\S+) because": "the package index offers no"
    f" {{}} for Python 3.{sys.version_info[1]} on {sys.platform}: check PIP_INDEX_URL and PIP_NO_INDEX",
}


def _reason(output: str) -> str:
    """What went wrong and what to do, from a failed step's output."""
    import re

    for sign, words in REASONS.items():
        found = re.search(sign, output)
        if found:
            return words.format(*filter(None, found.groups())) + AGAIN
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no message")
    return f"setting up failed with: {last}"
