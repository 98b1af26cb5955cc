"""The procedure's checklist: 13 lines, each with the tests that prove it and the evidence they leave.

A test says in its meta which line it belongs to (`checklist`) and which test of the procedure it is (`spec`). A line
passes if every test of the procedure that it needs was run and every test that belongs to it passed: one that was
skipped, could not run or is missing proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from driver.result import ChainFacts, ChecklistLine, LineStatus, Outcome, TableFacts
from driver.wording import moment

MIGRATION_LOG = "migration_log"
"""The driver's own test of the line `migration_completes`: what the migration's log says of every core table."""


@dataclass
class Facts:
    """What was counted in the database, for the evidence.

    Attributes:
        tables: the core tables.
        chains: the chains, by name.
        column_type: the type that cms_id has to have.
        mode: how the migration was made; empty if it was not.
        cut_over_at: when, as text; empty if it was not.
        aggregates: aggregate's name -> {what: value as text}, from the baseline.
        of_procedure: whether this is the registry of the written procedure, whose tables some lines name.
    """

    tables: list[TableFacts] = field(default_factory=list)
    chains: dict[str, ChainFacts] = field(default_factory=dict)
    column_type: str = "integer"
    mode: str = ""
    cut_over_at: str = ""
    aggregates: dict[str, dict[str, str]] = field(default_factory=dict)
    of_procedure: bool = True

    def total(self, attribute: str) -> int | None:
        """The sum of a number over all core tables; None if one of them is unknown."""
        numbers = [getattr(table, attribute) for table in self.tables]
        return None if None in numbers or not numbers else sum(numbers)


Evidence = Callable[[Facts, Sequence[Outcome]], str]


@dataclass(frozen=True)
class Line:
    """A line as the procedure has it.

    Attributes:
        key: what a test's meta calls it.
        text: the line; `{tables}` stands for the number of core tables.
        needs: numbers of the procedure's tests without which it is not proven.
        evidence: tells what was found, for a line that passed.
    """

    key: str
    text: str
    needs: tuple[str, ...]
    evidence: Evidence


def _number(value: int | None) -> str:
    return "an unknown number of" if value is None else f"{value:,}"


def _sound(facts: Facts, tests: Sequence[Outcome]) -> str:
    """`12 of 12 tables`: those that no test found fault with."""
    faulty = {table for test in tests for table in test.tables}
    sound = sum(table.name not in faulty for table in facts.tables)
    return f"{sound} of {len(facts.tables)} tables"


def _migration(facts: Facts, tests: Sequence[Outcome]) -> str:
    return f"{_sound(facts, tests)} done in {facts.mode} mode, cut-over at {moment(facts.cut_over_at)}"


def _columns(facts: Facts, tests: Sequence[Outcome]) -> str:
    return f"{_sound(facts, tests)}: {facts.column_type}, nullable"


def _constraints(facts: Facts, tests: Sequence[Outcome]) -> str:
    return f"{_sound(facts, tests)}: a valid unique constraint on exactly that column"


def _row_counts(facts: Facts, tests: Sequence[Outcome]) -> str:
    before, after = facts.total("rows_before"), facts.total("rows_after")
    return f"{_sound(facts, tests)}, {_number(before)} rows before and {_number(after)} after"


def _population(facts: Facts, _tests: Sequence[Outcome]) -> str:
    equal, rows = facts.total("equal"), facts.total("rows_after")
    return (
        f"{_number(equal)} of {_number(rows)} rows equal, {_number(facts.total('local'))} NULL, "
        f"{_number(facts.total('different'))} different"
    )


def _foreign_keys(_facts: Facts, tests: Sequence[Outcome]) -> str:
    listed = [test for test in tests if test.spec.startswith("4.")]
    passed = sum(test.status == "passed" for test in listed)
    more = len(tests) - len(listed)
    text = f"{passed} of {len(listed)} relationships, {sum(test.failures for test in tests):,} orphans"
    return text + (f"; {more} further check{'s' if more > 1 else ''} of foreign keys" if more else "")


def _chain(name: str) -> Evidence:
    def evidence(facts: Facts, _tests: Sequence[Outcome]) -> str:
        chain = facts.chains.get(name)
        if chain is None or chain.rows_before is None:
            return ""
        return f"{chain.rows_before:,} links, {chain.columns} columns each, identical by value; nothing left out"

    return evidence


def _ids(facts: Facts, tests: Sequence[Outcome]) -> str:
    return f"{_sound(facts, tests)}, {_number(facts.total('rows_before'))} ids identical"


def _uniqueness(facts: Facts, tests: Sequence[Outcome]) -> str:
    return f"{_number(facts.total('cms'))} cms_ids in {_sound(facts, tests)}, none twice in one table"


def _aggregates(facts: Facts, _tests: Sequence[Outcome]) -> str:
    marks = facts.aggregates.get("marks", {})
    schools = facts.aggregates.get("students_per_school", {})
    parts = [f"{name.replace('_', ' ')} {value}" for name, value in marks.items()]
    parts.append(f"students of {len(schools)} schools")
    return ", ".join(parts)


CHECKLIST = (
    Line("migration_completes", "Migration completes without errors", (MIGRATION_LOG,), _migration),
    Line("columns_exist", "All {tables} tables have a cms_id column (integer, nullable)", ("1.1",), _columns),
    Line("constraints_exist", "All {tables} tables have a unique constraint on cms_id", ("1.2",), _constraints),
    Line("row_counts", "Row counts match exactly, before and after", ("2.1",), _row_counts),
    Line("cms_id_equals_id", "All records have cms_id = id", ("3.1",), _population),
    Line(
        "foreign_keys",
        "All 13 foreign key relationships have no orphans",
        tuple(f"4.{number}" for number in range(1, 14)),
        _foreign_keys,
    ),
    Line("student_school_chain", "Student → School chain identical", ("5.1",), _chain("student_school_chain")),
    Line("student_modules_chain", "Student → Modules chain identical", ("5.2",), _chain("student_modules_chain")),
    Line("assessment_marks_chain", "Assessment Marks chain identical", ("5.3",), _chain("assessment_marks_chain")),
    Line(
        "module_prerequisites_chain",
        "Module Prerequisites chain identical",
        ("5.4",),
        _chain("module_prerequisites_chain"),
    ),
    Line("ids", "All {tables} id columns identical", ("6.1",), _ids),
    Line("uniqueness", "No duplicate cms_id values", ("7.1",), _uniqueness),
    Line("aggregates", "Aggregate numeric data unchanged", ("8.1", "8.2"), _aggregates),
)

OF_PROCEDURE = {
    "foreign_keys",
    "student_school_chain",
    "student_modules_chain",
    "assessment_marks_chain",
    "module_prerequisites_chain",
    "aggregates",
}
"""Lines about tables that only the registry of the written procedure has."""


def checklist_lines(
    facts: Facts, tests: Mapping[str, Sequence[Outcome]], switched_off: Collection[str]
) -> list[ChecklistLine]:
    """The checklist, filled in.

    Args:
        facts: what was counted.
        tests: line's key -> its tests.
        switched_off: numbers of the procedure's tests that this kind of validation does without: in `ongoing`, those
            that hold at the cut-over only, because rows may come, change and go since.
    """
    lines = []
    for line in CHECKLIST:
        found = list(tests.get(line.key, []))
        present = {test.spec for test in found}
        left_out = set(line.needs) - present
        if left_out and left_out <= set(switched_off) and all(test.status == "passed" for test in found):
            evidence = "holds at the cut-over only: rows may come, change and go since"
            if not facts.of_procedure and line.key in OF_PROCEDURE:
                evidence = "is about tables of the procedure's own registry"
            lines.append(ChecklistLine(line.key, _text(line, facts), "not applicable", evidence, found))
            continue
        found += [
            Outcome(f"test {number}", "", number, "missing", message="it was not run, so nothing is proven")
            for number in line.needs
            if number not in present and number not in switched_off
        ]
        lines.append(_judged(line, facts, found))
    return lines


def _text(line: Line, facts: Facts) -> str:
    return line.text.format(tables=len(facts.tables) or "core")


def _judged(line: Line, facts: Facts, tests: list[Outcome]) -> ChecklistLine:
    text = _text(line, facts)
    if all(test.status == "passed" for test in tests):
        return ChecklistLine(line.key, text, "passed", line.evidence(facts, tests), tests)
    status: LineStatus = "failed" if any(test.status == "failed" for test in tests) else "not proven"
    return ChecklistLine(line.key, text, status, _fault(tests), tests)


def _fault(tests: list[Outcome]) -> str:
    """What stands against a line, in a sentence."""
    parts = []
    failures = sum(test.failures for test in tests if test.status == "failed")
    if failures:
        where = sorted({table for test in tests if test.status == "failed" for table in test.tables})
        parts.append(
            f"{failures:,} finding{'s' if failures > 1 else ''}" + (f" in {', '.join(where)}" if where else "")
        )
    parts += [f"{test.name}: {test.message or test.status}" for test in tests if test.status in ("error", "skipped")]
    missing = [test.name for test in tests if test.status == "missing"]
    if missing:
        parts.append(("not run: " + ", ".join(missing)) if len(missing) <= 3 else f"{len(missing)} tests were not run")  # noqa: PLR2004 - what fits on a line
    return "; ".join(parts)
