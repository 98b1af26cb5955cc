"""What a user sees while work goes on: in a terminal what runs, how far and how long; in a log one line per stage."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from driver.wording import duration

WORDS = {
    "done": ("done", "green"),
    "failed": ("FAILED", "bold red"),
    "interrupted": ("stopped", "bold yellow"),
    "skipped": ("skipped", "dim"),
    "not reached": ("not run", "dim"),
}
NAME_WIDTH = 9
BYTES = " (bytes)"
"""What the name of a step ends in that is counted in bytes."""


class _Elapsed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(duration(task.elapsed or 0), style="dim")


class StageProgress:
    """How far one stage is. Any thread may tell."""

    def __init__(self, progress: Progress, name: str) -> None:
        """Tell it to `progress`."""
        self._progress = progress
        self._task = progress.add_task(name, total=None, what="")

    def update(self, done: int | None = None, total: int | None = None, what: str | None = None) -> None:
        """Say how much is done, of how much, and what is being worked on; whatever is None stays as it was."""
        told: dict[str, Any] = {} if what is None else {"what": what}
        self._progress.update(self._task, completed=done, total=total, **told)

    def step(self, name: str, done: int, total: int) -> None:
        """The same, as the steps of a backup and a restore say it."""
        self.update(done, total, name.removesuffix(BYTES))


def plain_table(first: str, *others: str) -> Table:
    """A table with these headings: words in its first column, figures in the others."""
    table = Table(first, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in others:
        table.add_column(heading, justify="right")
    return table


def print_after(console: Console, lead: Text, text: Text) -> None:
    """Print a text after what leads to it; further lines stand under its first."""
    for number, line in enumerate(text.wrap(console, max(console.width - lead.cell_len, 30)) or [Text()]):
        console.print((Text(" " * lead.cell_len) if number else lead) + line, highlight=False)


class Stages:
    """Shows stages, one after the other, on a console."""

    def __init__(self, console: Console) -> None:
        """Show them on this console."""
        self.console = console

    @contextmanager
    def running(self, name: str) -> Iterator[StageProgress]:
        """Show that a stage runs, for the length of the block; `finished` is to be called after it."""
        progress = Progress(
            SpinnerColumn(),
            TextColumn(f"{{task.description:{NAME_WIDTH}}}"),
            BarColumn(bar_width=14),
            _Elapsed(),
            TextColumn(
                "{task.fields[what]}", style="dim", markup=False, table_column=Column(ratio=1)
            ),  # in lines, if need be
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
            expand=True,
        )
        with progress:
            yield StageProgress(progress, name)

    def finished(self, name: str, status: str, seconds: float, detail: str) -> None:
        """Leave one line about a stage that has ended; further lines of its detail stand under the first."""
        word, style = WORDS[status]
        lead = Text("  ").append(f"{word:7}", style).append(f"  {name:{NAME_WIDTH}}  ")
        lead.append(f"{duration(seconds) if seconds else '':>10}  ", "dim")
        print_after(self.console, lead, Text(detail))


class _Amount(ProgressColumn):
    """How much is done of how much, and how much of it in a second."""

    def render(self, task: Task) -> Text:
        total = task.total or 0
        if not task.fields["bytes"]:
            return Text(f"{task.completed:,.0f} of {total:,.0f}")
        speed = f", {task.speed / 1e6:,.1f} MB/s" if task.speed and not task.finished else ""
        return Text(f"{task.completed / 1e6:,.1f} of {total / 1e6:,.1f} MB{speed}")


class Bars(Progress):
    """A bar for each step of a backup or a restore, or in a log a line; itself what a step calls with its progress."""

    def __init__(self, console: Console | None = None) -> None:
        """Show them by default on standard error, which leaves standard output to results."""
        console = console or Console(stderr=True)
        super().__init__(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            _Amount(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._steps: dict[str, TaskID] = {}
        self._one_at_a_time = threading.Lock()

    def __call__(self, step: str, done: int, total: int) -> None:
        """Show how far a step is."""
        name = step.removesuffix(BYTES)
        with self._one_at_a_time:
            if step not in self._steps:
                self._steps[step] = self.add_task(name, total=None, bytes=step.endswith(BYTES))
            task = self.tasks[self._steps[step]]
            was_finished = task.finished
            self.update(task.id, completed=done, total=total)
            if task.finished and not was_finished and self.disable:
                self.console.print(f"{name}: done in {task.elapsed or 0:.1f} s", highlight=False)
