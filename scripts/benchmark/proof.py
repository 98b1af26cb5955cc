"""Baseline and validation beside the procedure's exports, queries and diffs."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from benchmark import procedure
from benchmark.measure import Comparison

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmark.measure import Figure
    from benchmark.stage import Stage

BASELINE = "baseline"
VALIDATION = "validation"


def compare(stage: Stage, rounds: int) -> list[Figure]:
    """Wall time with dbt's start, and the time in SQL."""

    def snapshot() -> Mapping[str, float]:
        with stage.clone():
            return _timed(stage, "snapshot")

    def export(*, whole: bool) -> Mapping[str, float]:
        with stage.clone():
            began = time.perf_counter()
            stage.psql(procedure.exports("pre", whole=whole) + procedure.aggregates())
            return {"seconds": time.perf_counter() - began}

    figures = Comparison(BASELINE, stage.scale, rounds).measure(
        {
            "cmsid": snapshot,
            "procedure": lambda: export(whole=False),
            "procedure, whole tables": lambda: export(whole=True),
        }
    )
    with stage.clone("baselined"):
        stage.dbt("run-operation", "add_cms_id")
        stage.psql(procedure.exports("pre"))

        def queries(*, whole: bool) -> Mapping[str, float]:
            began = time.perf_counter()
            stage.psql(procedure.validation() + procedure.exports("post", whole=whole))
            if not whole:
                procedure.diff(stage)
            return {"seconds": time.perf_counter() - began}

        figures += Comparison(VALIDATION, stage.scale, rounds).measure(
            {
                "cmsid": lambda: _timed(stage, "test"),
                "procedure": lambda: queries(whole=False),
                "procedure, whole tables": lambda: queries(whole=True),
            }
        )
    return figures


def _timed(stage: Stage, command: str) -> Mapping[str, float]:
    """A dbt command's wall time, and the sum of its nodes' own times."""
    began = time.perf_counter()
    stage.dbt(command)
    seconds = time.perf_counter() - began
    results = json.loads((stage.folder / "target" / "run_results.json").read_text("utf-8"))["results"]
    return {"seconds": seconds, "seconds in nodes": sum(result["execution_time"] for result in results)}
