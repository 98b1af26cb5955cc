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
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from driver import bootstrap
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTS: tuple[str, ...] = (
    "scripts",
    "offline_packages",
    "pyproject.toml",
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
        """Need click only: enough for the command line itself, and there in a few seconds."""
        pins = (self.root / "constraints.txt").read_text().splitlines()
        few = [line.split()[0] for line in pins if line.startswith(("click=", "uv="))]
        (self.root / "constraints.txt").write_text("\n".join(few) + "\n")
        project = '[project]\nname = "project"\nversion = "1"\ndependencies = ["click"]\n'
        (self.root / "pyproject.toml").write_text(project)

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
    "variables",
    [
        pytest.param({"PIP_INDEX_URL": UNREACHABLE}, id="no network"),
        pytest.param({"PIP_NO_INDEX": "1"}, id="no index", marks=pytest.mark.thorough),
    ],
)
def test_missing_packages_are_told_in_one_sentence(small_copy: Copy, variables: Mapping[str, str]) -> None:
    code, out, err = small_copy.run(
        "--version", PIP_CONFIG_FILE=os.devnull, PIP_FIND_LINKS="", PIP_EXTRA_INDEX_URL="", **variables
    )
    assert code == 1
    assert out == ""
    problems = [line for line in err.splitlines() if not line.startswith((FIRST_USE, "uv cannot be used")) and line]
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


@pytest.mark.thorough
def test_pip_sets_up_where_uv_cannot_be_had(small_copy: Copy) -> None:
    pins = small_copy.root / "constraints.txt"
    pins.rename(small_copy.root / "others.txt")
    pins = small_copy.root / "others.txt"
    pins.write_text(pins.read_text().replace("uv==", "uv==99"))
    code, out, err = small_copy.run("--version", CMSID_PINS="others.txt")
    assert code == 0, err
    assert out.startswith("cmsid ")
    assert "uv cannot be used here; pip takes a minute" in err
    assert not (small_copy.root / ".venv" / "bin" / "uv").exists()

    code, _, err = small_copy.run("--version")
    assert code == 1
    assert (
        err == f"Error: there are no pins in {small_copy.root / 'constraints.txt'}: correct CMSID_PINS, or unset it.\n"
    )


PIP_CONFIG_LIST = """\
:env:.cert='/site.pem'
:env:.find-links='/one /two'
global.extra-index-url='https://a.example\\nhttps://b.example'
global.index-url='https://one.example/simple'
global.proxy='http://proxy.example:3128'
install.index-url='https://two.example/simple'
wheel.index-url='https://three.example/simple'
"""


def test_what_pip_is_told_of_its_index_is_told_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_", "SSL_", "ALL_PROXY"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_INSECURE_HOST", "kept.example")
    told = bootstrap._as_uv_has_it([sys.executable, "-c", f"print({PIP_CONFIG_LIST!r}, end='')"])
    expected = {
        "UV_DEFAULT_INDEX": "https://two.example/simple",
        "UV_INDEX": "https://a.example https://b.example",
        "UV_FIND_LINKS": "/one,/two",
        "UV_INSECURE_HOST": "kept.example",
        "SSL_CERT_FILE": "/site.pem",
        "ALL_PROXY": "http://proxy.example:3128",
    }
    assert {name: told[name] for name in expected} == expected


@pytest.mark.parametrize("path", ["scripts/cmsid", "scripts/test", "scripts/driver/bootstrap.py"])
def test_an_old_python_understands_what_it_is_told(path: str) -> None:
    tree = ast.parse((bootstrap.ROOT / path).read_text("utf-8"), feature_version=(3, 6))
    # An old Python knows neither the import nor the syntax that it stands for.
    assert not any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in ast.walk(tree))


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 14, 0)])
def test_unsupported_python(
    in_process: bootstrap.Environment, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(bootstrap, "which", lambda _: None)
    with pytest.raises(SystemExit, match=r"needs Python 3\.10 to 3\.13 and found 3\."):
        bootstrap.enter(in_process)


def test_another_python_is_used_if_there_is_one(
    in_process: bootstrap.Environment, restarts: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken, good = tmp_path / "python3.12", tmp_path / "python3.11"
    for path, content in ((broken, "#!/bin/sh\nexit 127\n"), (good, "#!/bin/sh\nexit 0\n")):
        path.write_text(content)
        path.chmod(0o755)
    monkeypatch.setattr(sys, "version_info", (3, 9, 0))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(_RestartedError):
        bootstrap.enter(in_process)
    assert restarts == [[str(good), "scripts/cmsid", "status"]]


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "the disk is full"),
        ("/usr/bin/python3: No module named ensurepip", "apt install python3."),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))", "certificate is not trusted"),
        ("WARNING: Retrying after connection broken by 'NewConnectionError'", "cannot be reached"),
        ("ERROR: No matching distribution found for click==99", "offers no click==99 for Python"),
        ("ERROR: Cannot install click==99 because these package versions conflict", "offers no click==99 for Python"),
        ("first\nERROR: something else\n", "failed with: ERROR: something else"),
        ("", "failed with: no message"),
    ],
)
def test_reasons(output: str, sentence: str) -> None:
    assert sentence in bootstrap._reason(output)


@pytest.fixture
def in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bootstrap.Environment:
    """An environment that is made by calls in this process; its steps make nothing but the link to a Python."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "constraints.txt").write_text("click==8.3.3\n")
    monkeypatch.setattr(bootstrap, "ROOT", root)
    monkeypatch.setattr(bootstrap, "CACHE", root / ".cache")
    monkeypatch.setattr(subprocess, "run", _pretend)
    monkeypatch.delenv(bootstrap.SKIP, raising=False)
    monkeypatch.delenv(bootstrap.PINS, raising=False)
    monkeypatch.setattr(sys, "argv", ["scripts/cmsid", "status"])
    return bootstrap.Environment(root / ".venv", [], "a test")


def _pretend(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
    """Do what a step of the set-up does, without the work."""
    if "venv" in command:
        python = Path(command[-1]) / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.unlink(missing_ok=True)
        python.symlink_to(sys.executable)
    return subprocess.CompletedProcess(command, 0, b"")


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
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        with pytest.raises(_RestartedError):
            bootstrap.enter(in_process)
        assert "PYTHONDONTWRITEBYTECODE" not in os.environ, "dbt would be compiled anew by every command"
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
    bootstrap._pins().write_text("click==8.3.4\n")
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


@pytest.mark.usefixtures("in_process")
def test_one_waits_for_the_other(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    held, released = threading.Event(), threading.Event()
    try_lock = bootstrap.try_lock

    def hold() -> None:
        with bootstrap.exclusive():
            held.set()
            released.wait(60)

    def found_it_held(lock: IO[str]) -> bool:
        free = try_lock(lock)
        if not free:
            released.set()
        return free

    monkeypatch.setattr(bootstrap, "try_lock", found_it_held)
    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(60)
    with bootstrap.exclusive():
        assert released.is_set()
    other.join()
    assert "waiting for it" in capsys.readouterr().err


def test_a_link_to_another_environment_is_not_followed(
    in_process: bootstrap.Environment, restarts: list[list[str]], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").touch()
    in_process.directory.symlink_to(other, target_is_directory=True)
    with pytest.raises(_RestartedError):
        bootstrap.enter(in_process)
    assert restarts
    assert (other / "kept").exists()
    assert not in_process.directory.is_symlink()


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (KeyboardInterrupt(), 130),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device): see to it that there is room"),
        (PermissionError(errno.EACCES, "Permission denied"), "writable for you"),
    ],
)
def test_failures_while_it_is_made(
    in_process: bootstrap.Environment, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int | str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(SystemExit) as leaving:
        bootstrap.enter(in_process)
    assert str(code) in str(leaving.value.code)
    assert not in_process.stamp.exists()


def test_steps_are_not_sent_elsewhere_and_what_they_say_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setenv("PIP_USER", "1")
    with (tmp_path / "log").open("w") as log:
        assert not bootstrap._told_by([sys.executable, "-c", "import os; print('PIP_USER' in os.environ)"], log, log)
        told = bootstrap._told_by([sys.executable, "-c", "print('alas'); raise SystemExit(3)"], log, log)
    assert bootstrap._reason(told) == "setting up failed with: alas"
    assert "False\n" in (tmp_path / "log").read_text()
