"""What `scripts/test` runs when it is given which arguments, and what its linters are shown."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from driver.bootstrap import ROOT
from driver.embedded_server import sweep
from quality import linters, main, tests
from support.waiting import until


@pytest.mark.parametrize(
    ("arguments", "for_pytest"),
    [
        (["--co", "-q"], ["--co", "-q"]),
        (["--all", "-k", "a"], ["--all", "-k", "a"]),
        (["integration_tests/test_undo.py"], ["integration_tests/test_undo.py"]),
    ],
)
def test_what_is_no_option_goes_to_pytest(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], for_pytest: list[str]
) -> None:
    given: list[list[str]] = []

    def run(words: list[str]) -> int:
        given.append(words)
        return main.DONE

    monkeypatch.setattr(main, "_pytest", run)
    monkeypatch.chdir(ROOT)  # where it goes by itself, and comes back from
    monkeypatch.setenv("PATH", os.environ["PATH"])
    assert main.main(arguments) == main.DONE
    assert given == [for_pytest]


def test_shellcheck_sees_every_shell_script() -> None:
    files = [path for folder in (".ci", "scripts") for path in (ROOT / folder).iterdir() if path.is_file()]
    scripts = [path for path in files if re.match(rb"#!.*(/sh|/env bash)\n", path.read_bytes())]
    (shellcheck,) = (linter for linter in linters.all_linters() if linter.name.startswith("shellcheck"))
    assert shellcheck.commands == [["shellcheck", *sorted(str(path.relative_to(ROOT)) for path in scripts)]]


MARK = "STARTED_FOR_THE_TEST_IN"
FAILS_AT_FIRST = """
from pathlib import Path

import pytest

@pytest.mark.parametrize("number", range({count}))
def test_something(number):
    attempts = Path(f"attempts of {{number}}")
    attempts.write_text((attempts.read_text() if attempts.exists() else "") + "x")
    assert len(attempts.read_text()) > {failures}

def test_sound():
    Path("sound").touch(exist_ok=False)
"""


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("count", "failures", "passes", "attempts"),
    [(2, 0, True, 1), (2, 1, True, 2), (2, 2, False, 2), (tests.FORGIVEN_AT_MOST + 1, 1, False, 1)],
    ids=["sound", "once", "twice", "many"],
)
def test_what_fails_is_tried_once_more(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    *,
    count: int,
    failures: int,
    passes: bool,
    attempts: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("test_it.py").write_text(FAILS_AT_FIRST.format(count=count, failures=failures))
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", "."]
    assert tests.pass_in_the_end([tests.call([*command, "-n", "2"])], command) is passes
    assert Path("attempts of 0").read_text() == "x" * attempts
    named = capfd.readouterr().out.partition("Passed on the second attempt only:\n")[2].split()
    assert named == ["test_it.py::test_something[0]", "test_it.py::test_something[1]"] * (failures == 1 and count == 2)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(int(os.environ.get("CMSID_TEST_INTERRUPTIONS", "2"))))
def test_ctrl_c_at_any_moment_ends_all_servers_and_leaves_nothing(seed: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="cmsid-interrupted-"))
    folder.chmod(0o711)  # the account of the servers enters it
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "COVERAGE", "CMSID_", "TMPDIR"))
    }
    place = {"TMPDIR": str(folder)} if seed % 2 == 0 else {}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "scripts" / "test"), *["--all"][: seed % 2]],
            env={**kept, **place, MARK: str(folder), "CMSID_NO_VENV": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        time.sleep(random.Random(seed).uniform(1, 60))  # noqa: S311  a moment, no secret
        os.killpg(process.pid, signal.SIGINT)
        code = process.wait(300)
    told = (folder / "output").read_text(errors="replace")
    assert code == main.INTERRUPTED, told
    until(lambda: not _at_work_in(folder), told=lambda: f"still at work: {_at_work_in(folder)}\n{told}")
    left = [path.name for path in folder.iterdir() if not path.name.startswith("pytest-of-")]
    assert left == ["output"], told
    assert sweep(tests.MEMORY) == [], told
    shutil.rmtree(folder)


AS_APT = """
import os
from quality.system_packages import _why_not
_why_not(["sh", "-c", "touch begun; sleep 1; touch ended"], dict(os.environ))
"""


def test_what_apt_installs_is_installed_to_its_end_after_ctrl_c(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    with subprocess.Popen(
        [sys.executable, "-c", AS_APT], cwd=tmp_path, env=environment, stderr=subprocess.PIPE
    ) as process:
        until((tmp_path / "begun").exists)
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=60)[1]
    assert b"KeyboardInterrupt" in told
    assert (tmp_path / "ended").exists()


def _at_work_in(folder: Path) -> list[str]:
    """The processes in a folder, or which were started for it."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd().startswith(str(folder)) or process.environ().get(MARK) == str(folder):
                found.append(f"{process.pid} {process.cmdline()}")
    return found


def test_a_broken_run_is_no_failed_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", "."]
    assert not tests.pass_in_the_end([tests.call(command)], command), "there is no test at all"
