"""`cmsid run` beside the whole written procedure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark import procedure
from benchmark.measure import MEMORY, OURS, PROCEDURE, SECONDS, Clock, Goal
from benchmark.stage import MOST_MEMORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmark.measure import Bench
    from benchmark.stage import Stage

NAME = "whole run"
PROVEN = "procedure, dump restored, chains whole"
GOALS = [
    Goal(NAME, SECONDS, 0.7, PROCEDURE, scales=(1.0,)),
    Goal(NAME, SECONDS, 0.5, PROCEDURE, scales=(10.0,)),
    Goal(NAME, SECONDS, 11, kind="growth", scales=(10.0,)),
    Goal(NAME, MEMORY, MOST_MEMORY, kind="most"),
]


def compare(stage: Stage, bench: Bench) -> None:
    """From the first backup to the last verdict."""

    def ours() -> Mapping[str, float]:
        with stage.clone():
            clock = Clock()
            memory = stage.cmsid("run")
            return {SECONDS: clock.seconds(), MEMORY: memory}

    def theirs(*, proven: bool) -> Mapping[str, float]:
        with stage.clone():
            clock = Clock()
            procedure.whole(stage, proven=proven)
            return {SECONDS: clock.seconds()}

    bench.compare(NAME, {PROCEDURE: lambda: theirs(proven=False), PROVEN: lambda: theirs(proven=True), OURS: ours})
