"""Contestants that take turns, what they measure, the goals that are held against it, and the tables of it."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from mashumaro.codecs.json import JSONDecoder
from rich.box import MARKDOWN, SIMPLE
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rich.console import Console

SECONDS = "seconds"
IN_SQL = "seconds in SQL"
WAL = "WAL, MB"
SIZE = "size after, MB"
MEMORY = "memory, MB"
OURS = "cmsid"
PROCEDURE = "procedure"
READS = "reads of student_modules"
IN_INDEXES = "entries read in its indexes alone"
TOLD_SPREAD = 0.01  # below it, turns are as good as equal


@dataclass(frozen=True)
class Figure:
    """One figure of one contestant at one scale."""

    comparison: str
    scale: float
    """Of the sample registry; 1 is the live one's size."""
    quantity: str
    """What the figure counts, with its unit, such as `seconds`."""
    contestant: str
    runs: tuple[float, ...]
    """Every turn's value, in order."""

    @property
    def median(self) -> float:
        """The value that is told."""
        return statistics.median(self.runs)

    @property
    def spread(self) -> float:
        """Half the distance between the lowest and the highest turn, as a part of the median."""
        return (max(self.runs) - min(self.runs)) / 2 / self.median if self.median else 0.0


@dataclass(frozen=True)
class Failure:
    """A contestant that could not do its job, and why, in one sentence."""

    comparison: str
    scale: float
    contestant: str
    reason: str


class Kind(NamedTuple):
    """What is held against a goal's limit, of the turns of ours and of another, and how it is told."""

    words: str
    measured: Callable[[Sequence[float], Sequence[float]], float]
    digits: int = 2
    unit: str = ""


def _of_pairs(of_two: Callable[[float, float], float]) -> Callable[[Sequence[float], Sequence[float]], float]:
    """The median over the pairs of turns."""
    return lambda ours, other: statistics.median(of_two(*pair) for pair in zip(ours, other, strict=True))


KINDS = {
    "ratio": Kind(": of {}", _of_pairs(lambda ours, other: ours / other)),
    "excess": Kind(": more than {}", _of_pairs(lambda ours, other: ours - other), 0),
    "most": Kind("", lambda ours, _: max(ours), 0),
    "growth": Kind(
        ": growth over ten times the rows",
        lambda ours, smaller: statistics.median(ours) / statistics.median(smaller),
        unit="x",
    ),
}


@dataclass(frozen=True)
class Goal:
    """What a figure of ours is to be at most, at some scales."""

    comparison: str
    quantity: str
    limit: float
    other: str = ""
    """The contestant that `ratio` divides ours by and `excess` takes off ours; nobody for the other kinds."""
    kind: Literal["ratio", "excess", "most", "growth"] = "ratio"
    """Of `KINDS`; `most` is about the figure itself, `growth` about the figure divided by the one at a tenth of the scale."""
    scales: tuple[float, ...] = (1.0, 10.0)
    ours: str = OURS


@dataclass(frozen=True)
class Verdict:
    """A goal at one scale, and what was measured."""

    goal: Goal
    scale: float
    measured: float

    @property
    def holds(self) -> bool:
        """Whether it is met."""
        return self.measured <= self.goal.limit


@dataclass(frozen=True)
class Content:
    """All that a benchmark has to say."""

    machine: dict[str, str]
    """What it ran on, by name."""
    figures: list[Figure]
    failures: list[Failure]
    """What could not be measured."""
    format: Literal[1] = 1

    @property
    def scales(self) -> list[float]:
        """The scales that were measured, in order."""
        return sorted({figure.scale for figure in self.figures} | {failure.scale for failure in self.failures})


@dataclass
class Bench:
    """Lets contestants take turns, so that whatever else the machine does falls on all of them."""

    scale: float
    rounds: int
    """How many turns each contestant has."""
    tell: Callable[[str], None]
    """Called with a line about every turn."""
    figures: list[Figure] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def compare(self, comparison: str, contestants: Mapping[str, Callable[[], Mapping[str, float]]]) -> None:
        """Let everyone have their turns. Who fails has no more of them.

        Args:
            comparison: what is compared.
            contestants: name -> does the job once and gives its figures.
        """
        runs: dict[str, dict[str, list[float]]] = {contestant: {} for contestant in contestants}
        for number in range(1, self.rounds + 1):
            for contestant in list(runs):
                try:
                    figures = contestants[contestant]()
                except Exception as error:  # noqa: BLE001 - another tool's own errors must not cost everybody's figures
                    del runs[contestant]
                    self.fail(comparison, contestant, error)
                    continue
                for quantity, value in figures.items():
                    runs[contestant].setdefault(quantity, []).append(value)
                told = f"{figures[SECONDS]:.2f} s" if SECONDS in figures else "done"
                self.tell(f"{comparison}, round {number} of {self.rounds}: {contestant}: {told}")
        for contestant, quantities in runs.items():
            for quantity, values in quantities.items():
                self.figures.append(Figure(comparison, self.scale, quantity, contestant, tuple(values)))

    def fail(self, comparison: str, contestant: str, error: BaseException) -> None:
        """Record, and tell, why somebody could not do the job."""
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        self.failures.append(Failure(comparison, self.scale, contestant, reason))
        self.tell(f"{comparison}: {contestant} failed: {reason}")


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        """Begin to measure."""
        self._began = time.perf_counter()

    def seconds(self) -> float:
        """How long it has been."""
        return time.perf_counter() - self._began


def write_json(content: Content, checked: Sequence[Verdict], path: Path) -> None:
    """Everything measured, every single turn included."""
    document = asdict(content)
    for figure, told in zip(content.figures, document["figures"], strict=True):
        told |= {"median": figure.median, "spread": round(figure.spread, 4)}
    document["goals"] = [
        {**asdict(verdict.goal), "scale": verdict.scale, "measured": verdict.measured, "holds": verdict.holds}
        for verdict in checked
    ]
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def read_json(paths: Sequence[Path]) -> Content:
    """What earlier runs wrote, as if it were one run.

    Raises:
        RuntimeError: a file is not one of these.
    """
    content = Content({}, [], [])
    decoder = JSONDecoder(Content)
    for path in paths:
        try:
            read = decoder.decode(path.read_text("utf-8"))
        except (ValueError, LookupError, TypeError) as error:
            raise RuntimeError(f"{path} was not written by scripts/bench: write it anew with --json") from error
        content.machine.update(read.machine)
        content.figures.extend(read.figures)
        content.failures.extend(read.failures)
    return content


def verdicts(figures: Sequence[Figure], goals: Sequence[Goal]) -> list[Verdict]:
    """Every goal that the figures decide, scale by scale."""
    runs = {(f.comparison, f.quantity, f.contestant, f.scale): f.runs for f in figures}
    found = []
    for goal in goals:
        for scale in goal.scales:
            whose = (goal.ours, scale / 10) if goal.kind == "growth" else (goal.other, scale)
            ours = runs.get((goal.comparison, goal.quantity, goal.ours, scale))
            other = runs.get((goal.comparison, goal.quantity, *whose), ())
            if ours and (other or goal.kind == "most"):
                found.append(Verdict(goal, scale, KINDS[goal.kind].measured(ours, other)))
    return found


def print_tables(content: Content, checked: Sequence[Verdict], console: Console, *, markdown: bool = False) -> None:
    """What it was measured on, a table of figures, one of goals, and what failed: for people, or for a document."""
    if content.machine:
        machine = ", ".join(f"{name} {value}" for name, value in content.machine.items())
        console.print(f"Measured on: {machine}.\n", soft_wrap=True)
    box = MARKDOWN if markdown else SIMPLE
    figures = Table("comparison", "figure", box=box)
    for number, scale in enumerate(content.scales):
        for heading in (f"scale {scale:g}", "grows")[: number + 1]:
            figures.add_column(heading, justify="right")
    for column in figures.columns:
        column.no_wrap = True
    for cells in _figure_rows(content):
        figures.add_row(*cells)
    console.print(figures)
    goals = Table("goal", box=box)
    for heading in ("at most", "scale", "measured"):
        goals.add_column(heading, justify="right")
    goals.add_column("verdict")
    for verdict in checked:
        goal, kind = verdict.goal, KINDS[verdict.goal.kind]
        name = f"{goal.comparison}, {goal.quantity}{kind.words.format(goal.other)}"
        measured = f"{verdict.measured:,.{kind.digits}f}{kind.unit}"
        told = [f"{goal.limit:g}{kind.unit}", f"{verdict.scale:g}", measured, "holds" if verdict.holds else "MISSED"]
        goals.add_row(name, *told, style="" if verdict.holds else "bold red")
    if checked:
        console.print(goals)
    for failure in content.failures:
        line = f"{failure.comparison} at scale {failure.scale:g}, {failure.contestant}: {failure.reason}"
        console.print(f"Not measured: {line}", style="bold red", highlight=False, soft_wrap=True)


def _figure_rows(content: Content) -> Iterator[list[str]]:
    """The cells of a line per comparison, quantity and contestant; quantities of a comparison stand together.

    Of each scale the median and its spread, and how it has grown from the scale before.
    """
    lines: dict[tuple[str, str, str], dict[float, Figure]] = {}
    rank: dict[tuple[str, ...], int] = {}
    for figure in content.figures:
        key = (figure.comparison, figure.quantity, figure.contestant)
        lines.setdefault(key, {})[figure.scale] = figure
        for group in (key[:1], key[:2]):
            rank.setdefault(group, len(rank))
    for key in sorted(lines, key=lambda key: (rank[key[:1]], rank[key[:2]])):
        comparison, quantity, contestant = key
        cells = [comparison, f"{quantity}: {contestant}"]
        found = [lines[key].get(scale) for scale in content.scales]
        for number, (now, before) in enumerate(zip(found, [None, *found], strict=False)):
            grows = f"{now.median / before.median:.1f}x" if now and before and before.median else ""
            cells += [_value(now) if now else "-", grows][: number + 1]
        yield cells


def _value(figure: Figure) -> str:
    told = f"{figure.median:,.2f}" if figure.median < 100 else f"{figure.median:,.0f}"  # noqa: PLR2004 - three digits tell
    return f"{told} ±{figure.spread:.0%}" if figure.spread >= TOLD_SPREAD else told
