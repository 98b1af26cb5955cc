"""Results of runs that never were, with everything in them that a report has to get right."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from driver.checklist import CHECKLIST, Facts, checklist_lines
from driver.conclusion import verdict
from driver.result import (
    BackupFacts,
    ChainFacts,
    Comparison,
    Database,
    Difference,
    FailingRow,
    Lock,
    Outcome,
    Result,
    Stage,
    TableFacts,
)

if TYPE_CHECKING:
    from driver.result import Origin

TABLES = ("modules", "programs", "schools", "student_modules")
AWKWARD = '<script>alert(1)</script> & "Mokhèlé" 学生 | \x07'


def passed_tests() -> dict[str, list[Outcome]]:
    """For every line of the checklist the tests that it needs, all passed."""
    return {
        line.key: [Outcome(f"test_of_{line.key}", "It holds.", number, "passed", seconds=0.2) for number in line.needs]
        for line in CHECKLIST
    }


def facts() -> Facts:
    """Counts of a small registry."""
    return Facts(
        tables=[
            TableFacts(name, rows, rows, rows, 0, rows, 0, 0.01 * position)
            for position, (name, rows) in enumerate(zip(TABLES, (4_059, 102, 15, 673_913), strict=True))
        ],
        chains={name: ChainFacts(name, 9, 100, 100, 0) for name in ("student_school_chain", "student_modules_chain")},
        mode="window",
        cut_over_at="2026-01-31T08:00:00Z",
        aggregates={"marks": {"total_marks": "32,234,716.75"}, "students_per_school": {"FA": "12"}},
    )


def locks() -> list[Lock]:
    """What a migration of these tables locked, one of them waited for."""
    taken, released = "2026-01-31T08:00:00.250Z", "2026-01-31T08:00:11.250Z"
    lock = Lock("migrate-window", "", "lock 4 tables", "", "AccessExclusiveLock", taken, released, 11.0, 0, 0.0)
    mode, step = "RowExclusiveLock", "schools: fill"
    return [
        *(replace(lock, table=table, relation=f"public.{table}") for table in TABLES),
        replace(lock, relation='public."<b>"', mode="ShareLock", seconds=2.0, waiters=3, longest_wait=4.125),
        replace(lock, relation="public.schools", mode=mode, step=step, seconds=0.012, waiters=None, longest_wait=None),
    ]


def result_of(tests: dict[str, list[Outcome]], beyond: list[Outcome] | None = None) -> Result:
    """A result with these tests' outcomes."""
    counted = facts()
    result = Result(
        run_id="20260131T080000-000-run",
        command="run",
        verdict="failed",
        started_at="2026-01-31T07:59:00Z",
        finished_at="2026-01-31T08:01:00Z",
        seconds=120.5,
        database=Database("registry", "dev@localhost:5432/registry", "18.1"),
        mode="window",
        cut_over_at=counted.cut_over_at,
        state="The migration is done.",
        versions={"cmsid": "1.0"},
        stages=[Stage("backup", "done", "2026-01-31T07:59:00Z", 60.0, "30 MB"), Stage("validate", "done", "x", 60.0)],
        checklist=checklist_lines(counted, tests, ()),
        beyond=beyond or [],
        tables=counted.tables,
        chains=list(counted.chains.values()),
        locks=locks(),
        compared=[Comparison("Rows", "by value")],
        not_compared=[Comparison("Sequences", "they move")],
        warnings=["schools: 15 rows had other columns changed", AWKWARD],
        backup=BackupFacts("b-1", "/backups/b-1", "2026-01-31T07:59:00Z", 30_000_000, "", "scripts/cmsid restore b-1"),
    )
    result.verdict = verdict(result, interrupted=False)
    return result


def difference(verdict: Origin, rows: int = 3, column: str = "remark", **changes: Any) -> Difference:
    """A summary of rows that differ."""
    found = Difference(
        f"modules.{column}: {rows} of 4,059 rows, {AWKWARD}", "modules", column, rows, 4_059, AWKWARD,
        "keys 9 to 4711, scattered", [0, 1, *[0] * 38, rows - 1, 0], verdict, f"evidence {AWKWARD}", derived=False,
        query=f"select kept.remark as was from (select * from kept) as kept where '{AWKWARD}' is null",
    )  # fmt: skip
    return replace(found, **changes)


def failed_result() -> Result:
    """A run whose validation found a null, and a name that it does not tell."""
    tests = passed_tests()
    null = FailingRow("schools", "5", "cms_id", "5", "NULL")
    tests["cms_id_equals_id"] = [
        Outcome("cms_id_equals_id", "Equal.", "3.1", "failed", 21, 0.5, "", ["schools"], rows=[null] * 20)
    ]
    tests["uniqueness"] = [Outcome("cms_ids_unique", "", "7.1", "error", message=AWKWARD)]
    hidden = FailingRow("next_of_kins", "7", "name", hidden=True)
    shown = FailingRow("modules", "9", "remark", "old", AWKWARD)
    total = FailingRow("marks", "total_marks", "aggregate_value", "9667801.25", "9667811.25")
    told = [
        difference("damage"),
        difference("cannot be told"),
        difference("writes of the application", query="", places=[]),
    ]
    beyond = [
        Outcome(
            "core_rows_unchanged", "Rows.", "9.1", "failed", 3, 1.0, "", ["next_of_kins"], told, [hidden, shown, total]
        )
    ]
    result = result_of(tests, beyond)
    result.stages[-1] = Stage("validate", "failed", "2026-01-31T08:00:00Z", 60.0, f"90 of 92 tests passed {AWKWARD}")
    result.next_step, result.next_command = "Go back to the backup:", "scripts/cmsid restore b-1"
    return result
