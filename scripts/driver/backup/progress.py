"""Progress bars for long steps; where nobody watches a terminal, one line for each finished step."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Task, TaskID
    from typing_extensions import Self

BYTES = " (bytes)"


class _Amount(ProgressColumn):
    """How much is done of how much, and how much of it in a second."""

    def render(self, task: Task) -> Text:
        total = task.total or 0
        if not task.fields["bytes"]:
            return Text(f"{task.completed:,.0f} of {total:,.0f}")
        speed = f", {task.speed / 1e6:,.1f} MB/s" if task.speed and not task.finished else ""
        return Text(f"{task.completed / 1e6:,.1f} of {total / 1e6:,.1f} MB{speed}")


class Bars:
    """A bar for each step; itself what a step is given to call with its progress."""

    def __init__(self, console: Console | None = None) -> None:
        """Prepare the bars.

        Args:
            console: where to; default standard error, which leaves standard output to results.
        """
        self._console = console or Console(stderr=True)
        self._bars = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            _Amount(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._bars.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        """Show how far a step is; a step whose name ends in (bytes) is counted in bytes."""
        name = step.removesuffix(BYTES)
        with self._lock:
            if not self._console.is_terminal:
                self._tell(name, done, total)
            elif step in self._tasks:
                self._bars.update(self._tasks[step], completed=done, total=total)
            else:
                self._tasks[step] = self._bars.add_task(name, completed=done, total=total, bytes=step.endswith(BYTES))

    def _tell(self, name: str, done: int, total: int) -> None:
        began = self._began.setdefault(name, time.monotonic())
        if done >= total and name not in self._told:
            self._told.add(name)
            self._console.print(f"{name}: done in {time.monotonic() - began:.1f} s", highlight=False)
