"""What a user sees while work goes on: in a terminal what runs, how far and how long; in a log one line per stage."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

from driver.wording import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

WORDS = {
    "done": ("done", "green"),
    "failed": ("FAILED", "bold red"),
    "interrupted": ("stopped", "bold yellow"),
    "skipped": ("skipped", "dim"),
    "not reached": ("not run", "dim"),
}
NAME_WIDTH = 9


class _Elapsed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(duration(task.elapsed or 0), style="dim")


class StageProgress:
    """How far one stage is. Any thread may tell."""

    def __init__(self, progress: Progress | None, name: str) -> None:
        """Tell it to `progress`; None where nobody watches."""
        self._progress = progress
        self._lock = threading.Lock()
        self._task = progress.add_task(name, total=None, what="") if progress else None

    def update(self, done: int | None = None, total: int | None = None, what: str | None = None) -> None:
        """Say how much is done, of how much, and what is being worked on; whatever is None stays as it was."""
        if self._progress is None or self._task is None:
            return
        with self._lock:
            if what is not None:
                self._progress.update(self._task, what=what if len(what) <= 40 else what[:39] + "…")  # noqa: PLR2004 - leaves room at 80 columns
            self._progress.update(self._task, completed=done, total=total)


class Stages:
    """Shows stages, one after the other, on a console."""

    def __init__(self, console: Console) -> None:
        """Show them on this console."""
        self.console = console

    @contextmanager
    def running(self, name: str) -> Iterator[StageProgress]:
        """Show that a stage runs, for the length of the block; `finished` is to be called after it."""
        if not self.console.is_terminal:
            yield StageProgress(None, name)
            return
        progress = Progress(
            SpinnerColumn(),
            TextColumn(f"{{task.description:{NAME_WIDTH}}}"),
            BarColumn(bar_width=14),
            _Elapsed(),
            TextColumn("[dim]{task.fields[what]}"),
            console=self.console,
            transient=True,
        )
        with progress:
            yield StageProgress(progress, name)

    def finished(self, name: str, status: str, seconds: float, detail: str) -> None:
        """Leave one line about a stage that has ended; further lines of its detail stand under the first."""
        word, style = WORDS[status]
        lead = Text("  ").append(f"{word:7}", style).append(f"  {name:{NAME_WIDTH}}  ")
        lead.append(f"{duration(seconds) if seconds else '':>10}  ", "dim")
        room = max(self.console.width - lead.cell_len, 30)
        lines = Text(detail).wrap(self.console, room) or [Text()]
        for number, line in enumerate(lines):
            self.console.print((lead if number == 0 else Text(" " * lead.cell_len)) + line, highlight=False)


def clock() -> float:
    """Seconds for measuring durations."""
    return time.perf_counter()
