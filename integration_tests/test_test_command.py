"""What `scripts/test` runs when it is given which arguments, and what its linters are shown."""

from __future__ import annotations

import os

import pytest

from driver.bootstrap import ROOT
from quality import linters, main


@pytest.mark.parametrize(
    ("arguments", "for_pytest"),
    [
        (["--co", "-q"], ["--co", "-q"]),
        (["--fast"], ["-m", "not slow"]),
        (["--fast", "-k", "a"], ["-m", "not slow", "-k", "a"]),
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
