"""Baseline and validation beside the procedure's exports, queries and diffs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark import procedure
from benchmark.measure import IN_SQL, OURS, PROCEDURE, SECONDS, Clock, Goal
from benchmark.stage import BASELINED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmark.measure import Bench
    from benchmark.stage import Stage

BASELINE = "baseline"
VALIDATION = "validation"
WHOLE = "procedure, chains whole"
GOALS = [Goal(name, SECONDS, 11, kind="growth", scales=(10.0,)) for name in (BASELINE, VALIDATION)]


def compare(stage: Stage, bench: Bench) -> None:
    """Wall time with dbt's start, and the time in SQL."""

    def snapshot() -> Mapping[str, float]:
        with stage.clone():
            return _timed(stage, lambda: stage.dbt("snapshot"))

    def export(*, whole: bool) -> Mapping[str, float]:
        with stage.clone():
            script = procedure.exports("pre", whole=whole) + procedure.aggregates()
            return _timed(stage, lambda: stage.psql(script))

    bench.compare(
        BASELINE,
        {PROCEDURE: lambda: export(whole=False), WHOLE: lambda: export(whole=True), OURS: snapshot},
    )
    with stage.clone(BASELINED):
        stage.psql(procedure.exports("pre") + procedure.exports("pre_whole", whole=True))
        stage.dbt("run-operation", "add_cms_id")

        def queries(before: str, *, whole: bool) -> Mapping[str, float]:
            def work() -> None:
                stage.psql(procedure.validation() + procedure.exports("post", whole=whole))
                procedure.diff(stage, before)

            return _timed(stage, work)

        bench.compare(
            VALIDATION,
            {
                PROCEDURE: lambda: queries("pre", whole=False),
                WHOLE: lambda: queries("pre_whole", whole=True),
                OURS: lambda: _timed(stage, lambda: stage.dbt("test")),
            },
        )


def _timed(stage: Stage, work: Callable[[], object]) -> Mapping[str, float]:
    """Wall time, and the time that the server spent on statements, of all sessions together."""
    before, clock = stage.seconds_in_sql(), Clock()
    work()
    seconds = clock.seconds()
    return {SECONDS: seconds, IN_SQL: stage.seconds_in_sql() - before}
