"""The first use of a fresh copy of the project: what it makes, and what it survives."""

from __future__ import annotations

import ast
import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING

import pytest

from driver import bootstrap, interpreter
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTS: tuple[str, ...] = (
    "scripts",
    "offline_packages",
    "requirements.txt",
    "constraints.txt",
    "packages.yml",
    "package-lock.yml",
)
PARTS += ("profiles.example.yml", "dbt_project.yml")
UNREACHABLE = "http://127.0.0.1:9/"
FIRST_USE = "First use"


class Copy:
    """A copy of the project in a folder of its own, as somebody has it who just cloned it."""

    def __init__(self, root: Path) -> None:
        """Copy what a first use needs into a folder that does not exist yet."""
        self.root = root
        root.mkdir()
        for part in PARTS:
            source = bootstrap.ROOT / part
            if source.is_dir():
                shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, root)

    def need_little(self) -> None:
        """Pin click only: enough for the command line itself, and there in a few seconds."""
        pin = next(
            line for line in (self.root / "constraints.txt").read_text().splitlines() if line.startswith("click=")
        )
        (self.root / "requirements.txt").write_text(pin + "\n")
        (self.root / "constraints.txt").write_text(pin + "\n")

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start a command, as a group of processes of its own, the way a terminal does."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("CMSID_", "DBT_"))}
        environment |= {"HOME": str(self.root.parent), "DBT_PACKAGE_HUB_URL": UNREACHABLE, **variables}
        return subprocess.Popen(
            [sys.executable, str(self.root / "scripts" / "cmsid"), *arguments],
            env=environment,
            cwd=self.root.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """Run a command to its end: exit code, stdout, stderr."""
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    def wait_for_packages(self) -> None:
        """Wait until the set-up is at installing packages."""
        log = self.root / ".cache" / "setup.venv.log"
        until(lambda: log.exists() and (self.root / ".venv" / "pyvenv.cfg").exists())

    @property
    def complete(self) -> bool:
        """Whether the environment is marked as complete."""
        return (self.root / ".venv" / "cmsid.complete").exists()


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A fresh copy that needs all its packages."""
    return Copy(tmp_path / "a project")


@pytest.fixture
def small_copy(copy: Copy) -> Copy:
    """A fresh copy that needs click only."""
    copy.need_little()
    return copy


@pytest.mark.thorough
def test_fresh_copy_sets_itself_up(copy: Copy) -> None:
    code, out, err = copy.run("setup")
    assert code == 0, err
    assert FIRST_USE in err
    assert err.count("\n") == 3, err  # begun, done, and where the packages are from
    assert "the project's own offline_packages/ are used" in err
    assert "dev@localhost:5432/registry" in out
    assert stat.S_IMODE((copy.root / "profiles.yml").stat().st_mode) == 0o600
    assert (copy.root / "dbt_packages" / "dbt_expectations" / "dbt_project.yml").exists()

    code, out, err = copy.run("--version")
    assert (code, err) == (0, "")
    assert out.startswith("cmsid ")


@pytest.mark.thorough
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill"])
def test_interrupted_set_up_begins_anew(small_copy: Copy, how: signal.Signals) -> None:
    process = small_copy.start("--version")
    small_copy.wait_for_packages()
    # A terminal sends Ctrl-C to all processes of the command; a kill hits the one it names.
    if how == signal.SIGINT:
        os.killpg(process.pid, how)
    else:
        process.kill()
    _, err = process.communicate(timeout=180)
    assert not small_copy.complete
    assert "Traceback" not in err
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "Interrupted" in err

    code, out, err = small_copy.run("--version")
    assert code == 0, err
    assert out.startswith("cmsid ")
    assert FIRST_USE in err
    assert small_copy.complete


@pytest.mark.thorough
def test_two_first_runs_at_once_make_one_environment(small_copy: Copy) -> None:
    processes = [small_copy.start("--version") for _ in range(2)]
    results = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], results
    messages = sorted(err for _, err in results)
    assert sum(FIRST_USE in message for message in messages) == 1, messages
    assert sum("waiting for it" in message for message in messages) == 1, messages


@pytest.mark.parametrize(
    "variables", [{"PIP_INDEX_URL": UNREACHABLE}, {"PIP_NO_INDEX": "1"}], ids=["no network", "no index"]
)
def test_missing_packages_are_told_in_one_sentence(small_copy: Copy, variables: Mapping[str, str]) -> None:
    code, out, err = small_copy.run(
        "--version", PIP_CONFIG_FILE=os.devnull, PIP_FIND_LINKS="", PIP_EXTRA_INDEX_URL="", **variables
    )
    assert code == 1
    assert out == ""
    problems = [line for line in err.splitlines() if not line.startswith(FIRST_USE) and line]
    assert len(problems) == 1, err
    assert problems[0].startswith("Error: the package index ")
    assert not small_copy.complete


def test_environment_of_ones_own_is_used_when_asked(small_copy: Copy) -> None:
    code, out, err = small_copy.run("--version", CMSID_NO_VENV="1")
    assert (code, err) == (0, "")
    assert out.startswith("cmsid ")
    assert not (small_copy.root / ".venv").exists()


def test_project_that_cannot_be_written_to(small_copy: Copy) -> None:
    # A file in the folder's place stops root as well, whom no permission does.
    (small_copy.root / ".cache").write_text("")
    code, _, err = small_copy.run("--version")
    assert code == 1
    assert err.startswith("Error: cannot make ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("path", ["scripts/cmsid", "scripts/test", "scripts/driver/interpreter.py"])
def test_an_old_python_understands_what_it_is_told(path: str) -> None:
    tree = ast.parse((bootstrap.ROOT / path).read_text("utf-8"), feature_version=(3, 6))
    # An old Python knows neither the import nor the syntax that it stands for.
    assert not any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in ast.walk(tree))


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 14, 0)])
def test_unsupported_python(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(interpreter, "which", lambda _: None)
    with pytest.raises(SystemExit, match=r"needs Python 3\.10 to 3\.13 and found " + ".".join(map(str, version))):
        interpreter.use_supported()


def test_python_without_venv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr(interpreter, "which", lambda _: None)
    with pytest.raises(SystemExit, match=r"apt install python3\.\d+-venv"):
        interpreter.require_venv()


def test_another_python_is_used_if_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken, good = tmp_path / "python3.12", tmp_path / "python3.11"
    for path, content in ((broken, "#!/bin/sh\nexit 127\n"), (good, "#!/bin/sh\nexit 0\n")):
        path.write_text(content)
        path.chmod(0o755)
    started: list[list[str]] = []

    def execv(_: str, command: list[str]) -> None:
        started.append(command)
        raise SystemExit

    monkeypatch.setattr(sys, "version_info", (3, 9, 0))
    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["scripts/cmsid", "doctor"])
    with pytest.raises(SystemExit):
        interpreter.use_supported()
    assert started == [[str(good), "scripts/cmsid", "doctor"]]


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "the disk is full"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))", "certificate is not trusted"),
        ("WARNING: Retrying after connection broken by 'NewConnectionError'", "cannot be reached"),
        ("ERROR: No matching distribution found for click==99", "offers no click==99 for Python"),
        ("ERROR: Cannot install click==99 because these package versions conflict", "offers no click==99 for Python"),
        ("first\nERROR: something else\n", "failed with: ERROR: something else"),
        ("", "failed with: no message"),
    ],
)
def test_reasons(output: str, sentence: str) -> None:
    assert sentence in bootstrap._reason(output.splitlines())


@pytest.fixture
def in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bootstrap.Environment:
    """An environment that is made by calls in this process; its steps are recorded in steps.txt and make nothing."""
    root = tmp_path / "project"
    root.mkdir()
    environment = bootstrap.Environment(root / ".venv", root / "requirements.txt", root / "constraints.txt", "a test")
    environment.requirements.write_text("click\n")
    environment.constraints.write_text("click==8.3.3\n")
    monkeypatch.setattr(bootstrap, "ROOT", root)
    monkeypatch.setattr(bootstrap, "CACHE", root / ".cache")
    monkeypatch.setattr(bootstrap, "_run", _pretend)
    monkeypatch.delenv(bootstrap.SKIP, raising=False)
    monkeypatch.setattr(sys, "argv", ["scripts/cmsid", "status"])
    return environment


def _pretend(command: list[str], *_: object) -> None:
    """Do what a step of the set-up does, without the work."""
    if "venv" in command:
        python = Path(command[-1]) / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.unlink(missing_ok=True)
        python.symlink_to(sys.executable)


class _RestartedError(Exception):
    """Stands for what does not return."""


@pytest.fixture
def restarts(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that would have taken this process's place."""
    commands: list[list[str]] = []

    def execv(_: str, command: list[str]) -> None:
        commands.append(command)
        raise _RestartedError

    monkeypatch.setattr(os, "execv", execv)
    return commands


def test_environment_is_made_once_and_then_entered(
    in_process: bootstrap.Environment,
    restarts: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(2):
        with pytest.raises(_RestartedError):
            bootstrap.enter(in_process)
    assert restarts == [[str(in_process.python), "scripts/cmsid", "status"]] * 2
    assert capsys.readouterr().err.count(FIRST_USE) == 1

    # Inside of it there is nothing to do, and nothing to restart.
    monkeypatch.setattr(sys, "prefix", str(in_process.directory))
    bootstrap.enter(in_process)
    assert len(restarts) == 2


def test_environment_is_made_anew_when_it_is_out_of_date(
    in_process: bootstrap.Environment, restarts: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    def is_made(environment: bootstrap.Environment) -> bool:
        with pytest.raises(_RestartedError):
            bootstrap.enter(environment)
        return FIRST_USE in capsys.readouterr().err

    assert is_made(in_process)
    assert not is_made(in_process)
    in_process.constraints.write_text("click==8.3.4\n")
    assert is_made(in_process)

    # Scripts in an environment name its folder.
    moved = in_process._replace(directory=in_process.directory.with_name("moved"))
    in_process.directory.rename(moved.directory)
    assert is_made(moved)

    # The Python it was made from has been replaced, as an upgrade of the operating system does.
    moved.python.unlink()
    moved.python.symlink_to("/bin/sh")
    assert is_made(moved)
    assert len(restarts) == 5


def test_environment_of_ones_own_is_left_as_it_is(
    in_process: bootstrap.Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(bootstrap.SKIP, "1")
    bootstrap.enter(in_process)
    assert not in_process.directory.exists()


@pytest.mark.usefixtures("in_process")
def test_one_waits_for_the_other(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    held, released = threading.Event(), threading.Event()
    try_lock = bootstrap._try_lock

    def hold() -> None:
        with bootstrap.exclusive():
            held.set()
            released.wait(60)

    def found_it_held(lock: IO[str]) -> bool:
        free = try_lock(lock)
        if not free:
            released.set()
        return free

    monkeypatch.setattr(bootstrap, "_try_lock", found_it_held)
    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(60)
    with bootstrap.exclusive():
        assert released.is_set()
    other.join()
    assert "waiting for it" in capsys.readouterr().err


def test_terminal_sees_progress(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = bootstrap._Progress("Setting up")
    progress.follow("Collecting click==8.3.3 (from -r requirements.txt)")
    progress.follow("Installing collected packages: click")
    progress.finish("Ready.")
    shown = capsys.readouterr().err
    assert "Setting up · 1: click" in shown
    assert "Setting up · installing" in shown
    assert shown.endswith("Ready.\n")


def test_a_link_to_another_environment_is_not_followed(in_process: bootstrap.Environment, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").touch()
    in_process.directory.symlink_to(other, target_is_directory=True)
    with pytest.raises(SystemExit, match=r"is a link to .*other, .*: remove the link, then run this again"):
        bootstrap.enter(in_process)
    assert (other / "kept").exists()


def test_full_disk_is_told_before_anything_is_made(
    in_process: bootstrap.Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 << 20))
    with pytest.raises(SystemExit, match="has 5 MB free"):
        bootstrap.enter(in_process)
    assert not in_process.directory.exists()


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (KeyboardInterrupt(), 130),
        (OSError(errno.ENOSPC, "No space left on device"), "free some disk space"),
        (PermissionError(errno.EACCES, "Permission denied"), "writable for you"),
    ],
)
def test_failures_while_it_is_made(
    in_process: bootstrap.Environment, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int | str
) -> None:
    def fail(*_: object) -> None:
        raise raised

    monkeypatch.setattr(bootstrap, "_run", fail)
    with pytest.raises(SystemExit) as leaving:
        bootstrap.enter(in_process)
    assert str(code) in str(leaving.value.code)
    assert not in_process.stamp.exists()


def step(code: str, tmp_path: Path) -> str:
    """Run some Python as a step of the set-up, and return its log."""
    log = bootstrap.ROOT / ".cache" / f"{tmp_path.name}.log"
    try:
        with (tmp_path / "lock").open("a") as lock, log.open("w") as output:
            bootstrap._run([sys.executable, "-c", code], lock, output, bootstrap._Progress("A step"), log)
        return log.read_text()
    finally:
        log.unlink()


def test_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_USER", "1")
    assert step("import os; print('PIP_USER' in os.environ)", tmp_path) == "False\n"
    with pytest.raises(SystemExit, match=r"Error: setting up failed with: alas \(details: \.cache/.*\.log\)\."):
        step("print('alas'); raise SystemExit(3)", tmp_path)


def test_interrupted_step_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap._Progress, "follow", interrupt)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        step("import time; print('begun', flush=True); time.sleep(60)", tmp_path)
    assert time.monotonic() - start < 30
