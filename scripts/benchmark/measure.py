"""Contestants that take turns, what they measure, and the goals that are held against it."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import psycopg

from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SECONDS = "seconds"
IN_SQL = "seconds in SQL"
WAL = "WAL, MB"
SIZE = "size after, MB"
MEMORY = "memory, MB"
OURS = "cmsid"
PROCEDURE = "procedure"

FAILURES = (Problem, RuntimeError, OSError, psycopg.Error)


@dataclass(frozen=True)
class Figure:
    """One figure of one contestant at one scale.

    Attributes:
        comparison: what was compared, such as `window`.
        scale: of the sample registry; 1 is the live one's size.
        quantity: what the figure counts, with its unit, such as `seconds`.
        contestant: whose figure it is.
        runs: every turn's value, in order.
    """

    comparison: str
    scale: float
    quantity: str
    contestant: str
    runs: tuple[float, ...]

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


@dataclass(frozen=True)
class Goal:
    """What a figure of ours is to be at most.

    Attributes:
        comparison: what is compared.
        quantity: the figure.
        limit: what it is to be at most.
        other: whom it is held against: with `ratio`, ours divided by theirs; with `excess`, ours less theirs. With `most`
            nobody: the figure itself. With `growth` nobody: the figure at the scale divided by the one at a tenth of it.
        kind: how.
        scales: where it counts.
        ours: our contestant.
    """

    comparison: str
    quantity: str
    limit: float
    other: str = ""
    kind: Literal["ratio", "excess", "most", "growth"] = "ratio"
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


@dataclass
class Bench:
    """Lets contestants take turns, so that whatever else the machine does falls on all of them.

    Attributes:
        scale: of the sample registry.
        rounds: how many turns each contestant has.
        tell: called with a line about every turn.
        figures: what was measured.
        failures: what could not be.
    """

    scale: float
    rounds: int
    tell: Callable[[str], None]
    figures: list[Figure] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def compare(self, comparison: str, contestants: Mapping[str, Callable[[], Mapping[str, float]]]) -> None:
        """Let everyone have their turns. Who fails has no more of them.

        Args:
            comparison: what is compared.
            contestants: name -> does the job once and gives its figures.
        """
        runs: dict[tuple[str, str], list[float]] = {}
        failed: set[str] = set()
        for number in range(1, self.rounds + 1):
            for contestant, work in contestants.items():
                if contestant in failed:
                    continue
                try:
                    figures = work()
                except Exception as error:  # noqa: BLE001 - another tool's own errors must not cost everybody's figures
                    failed.add(contestant)
                    self.fail(comparison, contestant, error)
                    continue
                for quantity, value in figures.items():
                    runs.setdefault((quantity, contestant), []).append(value)
                told = f"{figures[SECONDS]:.2f} s" if SECONDS in figures else "done"
                self.tell(f"{comparison}, round {number} of {self.rounds}: {contestant}: {told}")
        self.figures += [
            Figure(comparison, self.scale, quantity, contestant, tuple(values))
            for (quantity, contestant), values in runs.items()
            if contestant not in failed
        ]

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


def verdicts(figures: Sequence[Figure], goals: Sequence[Goal]) -> list[Verdict]:
    """Every goal that the figures decide, scale by scale."""
    runs = {(f.comparison, f.quantity, f.contestant, f.scale): f.runs for f in figures}
    found = []
    for goal in goals:
        for scale in goal.scales:
            ours = runs.get((goal.comparison, goal.quantity, goal.ours, scale))
            other = runs.get(
                (goal.comparison, goal.quantity, goal.ours, scale / 10)
                if goal.kind == "growth"
                else (goal.comparison, goal.quantity, goal.other, scale)
            )
            if ours and (other or goal.kind == "most"):
                found.append(Verdict(goal, scale, _measured(goal, ours, other or ())))
    return found


def _measured(goal: Goal, ours: tuple[float, ...], other: tuple[float, ...]) -> float:
    """What is held against the limit: the median over the pairs of turns, where there are pairs."""
    if goal.kind == "most":
        return max(ours)
    if goal.kind == "growth":
        return statistics.median(ours) / statistics.median(other)
    pairs: Iterator[tuple[float, float]] = zip(ours, other, strict=True)
    return statistics.median(a / b if goal.kind == "ratio" else a - b for a, b in pairs)
