"""The procedure's checklist: 13 lines, each with the tests that prove it and the evidence they leave.

A test says in its meta which line it belongs to (`checklist`) and which test of the procedure it is (`spec`). A line
passes if every test of the procedure that it needs was run and every test that belongs to it passed: one that was
skipped, could not run or is missing proves nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from driver.result import ChainFacts, ChecklistLine, LineStatus, Outcome, TableFacts
from driver.wording import moment

MIGRATION_LOG = "migration_log"
"""The driver's own test of the line `migration_completes`: what the migration's log says of every core table."""


CHAINS = {
    "student_school_chain": "Student → School",
    "student_modules_chain": "Student → Modules",
    "assessment_marks_chain": "Assessment Marks",
    "module_prerequisites_chain": "Module Prerequisites",
}
"""The chains' models, and what the procedure calls them."""


@dataclass
class Facts:
    """What was counted in the database, for the evidence."""

    tables: list[TableFacts] = field(default_factory=list)
    chains: dict[str, ChainFacts] = field(default_factory=dict)
    column_type: str = "integer"
    mode: str = ""
    """How the migration was made; empty if it was not."""
    cut_over_at: str = ""
    """When, as text; empty if it was not."""
    aggregates: dict[str, dict[str, str]] = field(default_factory=dict)
    """Aggregate's name -> {what: value as text}, from the baseline."""
    of_procedure: bool = True
    """Whether this is the registry of the written procedure, whose tables some lines name."""

    def total(self, attribute: str) -> int | None:
        """The sum of a number over all core tables; None if one of them is unknown."""
        numbers = [getattr(table, attribute) for table in self.tables]
        return None if None in numbers or not numbers else sum(numbers)


@dataclass(frozen=True)
class Line:
    """A line as the procedure has it."""

    key: str
    """What a test's meta calls it."""
    text: str
    """The line; `{tables}` is the number of core tables."""
    needs: tuple[str, ...]
    """Numbers of the procedure's tests without which it is not proven."""
    evidence: str
    """What was found, for a line that passed."""
    of_procedure: bool = False
    """Whether it is about tables that only the registry of the written procedure has."""


CHECKLIST = (
    Line(
        "migration_completes",
        "Migration completes without errors",
        (MIGRATION_LOG,),
        "{sound} done in {mode} mode, cut-over at {cut_over}",
    ),
    Line(
        "columns_exist",
        "All {tables} tables have a cms_id column (integer, nullable)",
        ("1.1",),
        "{sound}: {column_type}, nullable",
    ),
    Line(
        "constraints_exist",
        "All {tables} tables have a unique constraint on cms_id",
        ("1.2",),
        "{sound}: a valid unique constraint on exactly that column",
    ),
    Line(
        "row_counts",
        "Row counts match exactly, before and after",
        ("2.1",),
        "{sound}, {rows_before} rows before and {rows_after} after",
    ),
    Line(
        "cms_id_equals_id",
        "All records have cms_id = id",
        ("3.1",),
        "{equal} of {rows_after} rows equal, {local} NULL, {different} different",
    ),
    Line(
        "foreign_keys",
        "All 13 foreign key relationships have no orphans",
        tuple(f"4.{number}" for number in range(1, 14)),
        "{relationships}",
        of_procedure=True,
    ),
    *(
        Line(
            chain,
            f"{name} chain identical",
            (f"5.{number}",),
            "{links:,} links have the {columns} values they had (by link, or by the rows that they join)",
            of_procedure=True,
        )
        for number, (chain, name) in enumerate(CHAINS.items(), 1)
    ),
    Line("ids", "All {tables} id columns identical", ("6.1",), "{sound}, {rows_before} ids identical"),
    Line("uniqueness", "No duplicate cms_id values", ("7.1",), "{cms} cms_ids in {sound}, none twice in one table"),
    Line("aggregates", "Aggregate numeric data unchanged", ("8.1", "8.2"), "{aggregates}", of_procedure=True),
)


def _evidence(line: Line, facts: Facts, tests: Sequence[Outcome]) -> str:
    """What was found, in a sentence; empty for a chain that was not counted."""
    chain = facts.chains.get(line.key, ChainFacts(line.key))
    if "{links" in line.evidence and chain.rows_before is None:
        return ""
    faulty = {table for test in tests for table in test.tables}
    sound = sum(table.name not in faulty for table in facts.tables)
    totals = {name: facts.total(name) for name in ("rows_before", "rows_after", "equal", "local", "different", "cms")}
    aggregates = [f"{name.replace('_', ' ')} {value}" for name, value in facts.aggregates.get("marks", {}).items()]
    return line.evidence.format(
        sound=f"{sound} of {len(facts.tables)} tables",
        mode=facts.mode,
        cut_over=moment(facts.cut_over_at),
        column_type=facts.column_type,
        relationships=_relationships(tests),
        links=chain.rows_before,
        columns=chain.columns,
        aggregates=", ".join(
            [*aggregates, f"students of {len(facts.aggregates.get('students_per_school', {}))} schools"]
        ),
        **{name: "an unknown number of" if total is None else f"{total:,}" for name, total in totals.items()},
    )


def _relationships(tests: Sequence[Outcome]) -> str:
    listed = [test for test in tests if test.spec.startswith("4.")]
    passed = sum(test.status == "passed" for test in listed)
    more = len(tests) - len(listed)
    text = f"{passed} of {len(listed)} relationships, {sum(test.failures for test in tests):,} orphans"
    return text + (f"; {more} further check{'s' if more > 1 else ''} of foreign keys" if more else "")


def checklist_lines(
    facts: Facts, tests: Mapping[str, Sequence[Outcome]], switched_off: Collection[str]
) -> list[ChecklistLine]:
    """The checklist, filled in from the tests of each line, by its key.

    This kind of validation does without the tests of the procedure whose numbers are switched off: in `ongoing`, those
    that hold at the cut-over only, because rows may come, change and go since.
    """
    lines = []
    for line in CHECKLIST:
        found = list(tests.get(line.key, []))
        present = {test.spec for test in found}
        left_out = [number for number in line.needs if number not in present]
        found += [
            Outcome(f"test {number}", "", number, "missing", message="it was not run, so nothing is proven")
            for number in left_out
            if number not in switched_off
        ]
        status: LineStatus = "failed" if any(test.status == "failed" for test in found) else "not proven"
        if any(test.status != "passed" for test in found):
            evidence = _fault(found)
        elif not left_out:
            status, evidence = "passed", _evidence(line, facts, found)
        elif line.of_procedure and not facts.of_procedure:
            status, evidence = "not applicable", "is about tables of the procedure's own registry"
        else:
            status, evidence = "not applicable", "holds at the cut-over only: rows may come, change and go since"
        text = line.text.format(tables=len(facts.tables) or "core")
        lines.append(ChecklistLine(line.key, text, status, evidence, found))
    return lines


def _fault(tests: list[Outcome]) -> str:
    """What stands against a line, in a sentence."""
    parts = []
    failed = [test for test in tests if test.status == "failed"]
    if failures := sum(test.failures for test in failed):
        where = sorted({table for test in failed for table in test.tables})
        parts.append(f"{failures:,} finding{'s' * (failures > 1)}{' in ' * bool(where)}{', '.join(where)}")
    parts += [f"{test.name}: {test.message or test.status}" for test in tests if test.status in ("error", "skipped")]
    missing = [test.name for test in tests if test.status == "missing"]
    if missing:
        parts.append(("not run: " + ", ".join(missing)) if len(missing) <= 3 else f"{len(missing)} tests were not run")  # noqa: PLR2004 - what fits on a line
    return "; ".join(parts)
