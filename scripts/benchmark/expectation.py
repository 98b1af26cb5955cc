"""How long a benchmark is still to take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.measure import Clock
from driver.wording import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

# Comparison -> seconds of a round at scale 0, and how many more at scale 1, as measured at 0.1 and 1 on two processors; "" is
# the loading. Only their proportions matter: what was measured so far says how fast this machine is.
SECONDS = {
    "": (1.0, 3.0),
    "window": (5.0, 10.0),
    "online": (4.0, 34.0),
    "proof": (13.0, 6.0),
    "comparison": (0.0, 50.0),
    "backup": (4.0, 10.0),
    "whole": (12.0, 30.0),
}


class Expectation:
    """Elapsed and remaining time of the parts that are to come."""

    def __init__(self, parts: Sequence[tuple[str, float, int]]) -> None:
        """Begin with nothing done.

        Args:
            parts: (comparison, scale, rounds), in order.
        """
        self._parts = {(name, scale): _expected(name, scale, rounds) for name, scale, rounds in parts}
        self._clock = Clock()
        self._done_seconds = 0.0
        self._done_expected = 0.0
        self._current: tuple[str, float] | None = None
        self._current_began = 0.0

    def begin(self, name: str, scale: float) -> None:
        """A part begins, and the one before has ended."""
        now = self._clock.seconds()
        if self._current is not None:
            self._done_expected += self._parts.pop(self._current)
            self._done_seconds = now
        self._current, self._current_began = (name, scale), now

    def told(self) -> str:
        """Elapsed and remaining time, in words."""
        now = self._clock.seconds()
        pace = self._done_seconds / self._done_expected if self._done_expected else 1.0
        left = sum(expected for part, expected in self._parts.items() if part != self._current) * pace
        if self._current is not None:
            left += max(0.0, self._parts[self._current] * pace - (now - self._current_began))
        return f"{duration(now)} so far, about {duration(left)} to go"


def _expected(name: str, scale: float, rounds: int) -> float:
    fixed, per_scale = SECONDS[name]
    return (fixed + per_scale * scale) * (rounds if name else 1)
