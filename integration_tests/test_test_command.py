"""What `scripts/test` runs when it is given which arguments, and what its linters are shown."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from driver.bootstrap import ROOT
from quality import linters, main, tests


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
    assert linters.shell_scripts() == [".ci/run", "scripts/renew-pins"]


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
    assert tests.pass_in_the_end([["-n", "2"]], command) is passes
    assert Path("attempts of 0").read_text() == "x" * attempts
    named = capfd.readouterr().out.partition("Passed on the second attempt only:\n")[2].split()
    assert named == ["test_it.py::test_something[0]", "test_it.py::test_something[1]"] * (failures == 1 and count == 2)


def test_a_broken_run_is_no_failed_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", "."]
    assert not tests.pass_in_the_end([[]], command), "there is no test at all"
