"""What is measured, and how figures become a comparison."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Figure:
    """One figure of one contestant: the median of its runs.

    Attributes:
        comparison: what was compared, such as `window`.
        scale: of the sample registry; 1 is the live one's size.
        quantity: what the figure counts, with its unit, such as `seconds`.
        contestant: whose figure it is.
        value: the median.
        runs: every run's value, in order.
    """

    comparison: str
    scale: float
    quantity: str
    contestant: str
    value: float
    runs: tuple[float, ...]


@dataclass(frozen=True)
class Goal:
    """A ratio that is to be held.

    Attributes:
        comparison: what is compared.
        quantity: the figure.
        ours: our contestant.
        other: whom it is held against.
        limit: what ours divided by other's is to be at most.
        from_scale: the smallest scale at which it counts.
    """

    comparison: str
    quantity: str
    ours: str
    other: str
    limit: float
    from_scale: float = 1.0


@dataclass
class Comparison:
    """Contestants that take turns, so that whatever else the machine does falls on all of them.

    Attributes:
        name: what is compared.
        scale: of the sample registry.
        rounds: how often each has its turn.
    """

    name: str
    scale: float
    rounds: int
    _runs: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def measure(self, contestants: Mapping[str, Callable[[], Mapping[str, float]]]) -> list[Figure]:
        """Let everyone have their turns.

        Args:
            contestants: name -> does the job once and gives its figures; `seconds` is added where it gives none.
        """
        for _ in range(self.rounds):
            for contestant, work in contestants.items():
                began = time.perf_counter()
                figures = dict(work())
                figures.setdefault("seconds", time.perf_counter() - began)
                for quantity, value in figures.items():
                    self._runs.setdefault((quantity, contestant), []).append(value)
        return [
            Figure(self.name, self.scale, quantity, contestant, statistics.median(runs), tuple(runs))
            for (quantity, contestant), runs in self._runs.items()
        ]
