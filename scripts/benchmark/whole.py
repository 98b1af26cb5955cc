"""`cmsid run` beside the whole written procedure."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from benchmark import procedure
from benchmark.measure import Comparison, Goal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmark.measure import Figure
    from benchmark.stage import Stage

NAME = "whole run"
GOALS = [
    Goal(NAME, "seconds", "cmsid", "procedure", 0.7),
    Goal(NAME, "seconds", "cmsid", "procedure", 0.5, from_scale=10.0),
]


def compare(stage: Stage, rounds: int) -> list[Figure]:
    """From the first backup to the last verdict."""

    def ours() -> Mapping[str, float]:
        with stage.clone():
            began = time.perf_counter()
            memory = stage.cmsid("run")
            return {"seconds": time.perf_counter() - began, "memory, MB": memory}

    def theirs() -> Mapping[str, float]:
        with stage.clone():
            began = time.perf_counter()
            procedure.whole(stage)
            return {"seconds": time.perf_counter() - began}

    try:
        return Comparison(NAME, stage.scale, rounds).measure({"procedure": theirs, "cmsid": ours})
    finally:
        shutil.rmtree(stage.folder / "post", ignore_errors=True)
