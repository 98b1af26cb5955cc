"""Runs of the whole procedure in the tests' own process, with what they print and what can go wrong on the way."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
from rich.console import Console

from driver import profile
from driver.report.files import NAMES, newest
from driver.report.show import run_in_terminal
from driver.run import Options, Run
from support.backups import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pytest

    from driver.progress import StageProgress
    from driver.result import Result
    from support.registry import Registry


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        code: the exit code.
        text: everything it printed.
        result: what it wrote down; None if there is no report.
        folder: the folder of its report.
    """

    code: int
    text: str
    result: Result | None
    folder: Path | None

    def passed(self) -> Result:
        """What it wrote down, of a run that proved everything."""
        assert self.code == 0, self.text
        assert self.result
        assert (self.result.verdict, self.result.lines_passed) == ("passed", 13)
        return self.result

    def file(self, kind: str) -> str:
        """The report in a format."""
        assert self.folder
        return (self.folder / NAMES[kind]).read_text(encoding="utf-8")

    def stage(self, key: str) -> str:
        """What became of a stage."""
        assert self.result
        return next(stage.status for stage in self.result.stages if stage.key == key)


@dataclass
class Runner:
    """Runs against one registry.

    Attributes:
        registry: the registry.
        reports: where its reports go.
        monkeypatch: sets the environment, and puts faults in.
    """

    registry: Registry
    reports: Path
    monkeypatch: pytest.MonkeyPatch

    def go(self, after: str = "", fault: Callable[[], object] | None = None, **options: Any) -> Outcome:
        """Run the procedure.

        Args:
            after: a stage.
            fault: what happens right behind that stage.
            options: as of `driver.run.Options`.
        """
        for name, value in self.registry.environment.items():
            self.monkeypatch.setenv(name, value)
        self.monkeypatch.setenv("DBT_PROFILES_DIR", str(self.registry.profiles_dir))
        self.monkeypatch.setenv("DBT_TARGET_PATH", str(self.registry.runner.folder / "target-of-runs"))
        if fault is not None:
            self._put_in(after, fault)
        console = Console(file=io.StringIO(), highlight=False)
        connection = profile.load()
        code = run_in_terminal(connection, Options(**{"reports": self.reports, **options}), console)
        assert isinstance(console.file, io.StringIO)
        result = newest(connection.describe(), self.reports)
        return Outcome(code, console.file.getvalue(), result, self.reports / result.run_id if result else None)

    def _put_in(self, after: str, fault: Callable[[], object]) -> None:
        original = getattr(Run, f"_{after}")

        def stage(run: Run, progress: StageProgress) -> str:
            told: str = original(run, progress)
            fault()
            return told

        self.monkeypatch.setattr(Run, f"_{after}", stage)


def stopped_behind(
    stage: str, words: Sequence[str], environment: Mapping[str, str], sign: int = signal.SIGINT, seconds: float = 0
) -> tuple[int, str, set[psutil.Process]]:
    """Run a command of cmsid as a process of its own, and send it a signal (Ctrl-C) a moment after a stage has ended.

    Returns:
        the exit code, everything that it printed, and the processes that it had started.
    """
    process = psutil.Popen(
        [sys.executable, "-u", str(SCRIPTS / "cmsid"), *words],
        env={**environment, "CMSID_NO_VENV": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    started: set[psutil.Process] = set()
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.split()[1:2] == [stage]:
            time.sleep(seconds)
            started = set(process.children(recursive=True))
            process.send_signal(sign)
            break
    rest, _ = process.communicate(timeout=180)
    return process.returncode, "".join(lines) + rest, started
