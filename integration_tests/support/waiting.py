"""Waits for what another process does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.registry import Registry

# Seconds. Asking often, by a connection each time, takes the processor from what is waited for.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.1


def until(
    condition: Callable[[], Any], seconds: float = 120, told: Callable[[], str] = lambda: "it did not happen in time"
) -> Any:
    """Wait until a condition gives something, and return that.

    Args:
        condition: asked again and again.
        seconds: how long; then the test fails.
        told: what it fails with.
    """
    deadline = time.monotonic() + seconds
    pause = SHORTEST_PAUSE
    while not (found := condition()):
        assert time.monotonic() < deadline, told()
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
    return found


def waiting_for_a_lock(registry: Registry) -> int:
    """How many sessions wait for another's lock on a table."""
    return int(registry.value("select count(*) from pg_locks where not granted and locktype = 'relation'"))
