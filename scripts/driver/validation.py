"""Run the project's tests, once: verdicts, counts and failing rows; what was compared and how, and what was not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from driver.checklist import CHAINS
from driver.errors import Problem, why
from driver.facts import rows_of
from driver.macro_sql import render_macro
from driver.result import Comparison, Difference, FailingRow, Outcome, OutcomeStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driver.backup.session import Session
    from driver.checklist import Facts
    from driver.dbt_project import CoreTable, DbtProject
    from driver.dbt_step import DbtStep

SHOWN_ROWS = 20
SHOWN_DIFFERENCES = 400
"""All there are, but in a registry of very many columns."""
PLACES = 42

STATUS: dict[str, OutcomeStatus] = {"pass": "passed", "fail": "failed", "error": "error", "skipped": "skipped"}
"""dbt's words. Any other, a warning among them, is no pass."""

# Values of these columns are numbers or names of things, never of persons.
HARMLESS_COLUMNS = {"", "cms_id", "id", "count(*)", "aggregate_value"}
NOT_ABOUT_ROWS = {"schema", "row_counts", "cms_id_population", "uniqueness", "ids", "aggregates", "catalogue_unchanged"}
"""Tests, or categories of them, whose values are ids, counts and names from the catalogue."""
PERSONAL_COLUMNS = {"std_no"}
PERSONAL_KEYS = {"students"}
"""Tables whose key tells who somebody is."""


@dataclass
class Validation:
    """The outcome of all tests.

    Attributes:
        by_line: checklist line -> its tests.
        beyond: tests of no line.
        switched_off: numbers of the procedure's tests that this kind of validation does without.
    """

    by_line: dict[str, list[Outcome]]
    beyond: list[Outcome]
    switched_off: set[str]


def validate(project: DbtProject, connection: Session, step: DbtStep, *, with_values: bool) -> Validation:
    """Run every test of the project; failing rows keep what may tell something about a person only `with_values`.

    Raises:
        Problem: if dbt could not run the tests at all.
    """
    result = step.invoke(project, "test")
    finished = getattr(result.result, "results", None)
    if finished is None:
        raise Problem("the tests could not be run", where=why(str(result.exception or "")), do="run `dbt test`")
    relations = _harmless_foreign_keys(connection)
    disabled = [node.config.meta.get("spec") for nodes in project.manifest.disabled.values() for node in nodes]
    outcome = Validation({}, [], {str(spec) for spec in disabled if spec})
    for node_result in sorted(finished, key=lambda item: str(item.node.name)):
        test = _outcome(node_result, lambda item: _rows(connection, item, relations, with_values=with_values))
        line = node_result.node.config.meta.get("checklist")
        (outcome.by_line.setdefault(line, []) if line else outcome.beyond).append(test)
    for tests in outcome.by_line.values():
        tests.sort(key=lambda test: ([int(part) for part in test.spec.split(".")] if test.spec else [99], test.name))
    return outcome


def _table(node: Any) -> str:
    """The table that a generic test is about, as its source's name."""
    sources = getattr(node, "sources", [])
    return str(sources[0][1]) if sources else ""


def _outcome(result: Any, rows: Callable[[Any], tuple[list[FailingRow], list[Difference]]]) -> Outcome:
    node, generic = result.node, getattr(result.node, "test_metadata", None)
    status = STATUS.get(str(result.status), "failed")
    outcome = Outcome(
        name=f"{generic.name}({_table(node)})" if generic else node.name,
        about=" ".join(node.description.split()),
        spec=str(node.config.meta.get("spec", "")),
        status=status,
        failures=int(result.failures or 0),
        seconds=round(float(result.execution_time), 3),
    )
    if status in ("error", "skipped"):
        outcome.message = why(str(result.message or "")) or f"it was {result.status}"
    elif status == "failed":
        outcome.rows, outcome.differences = rows(result)
        outcome.failures = max(outcome.failures - len(outcome.differences), 1)
        named = {row.table for row in outcome.rows if row.table} | {item.table for item in outcome.differences}
        outcome.tables = sorted(named) or list(filter(None, [_table(node)]))
    return outcome


def _harmless_foreign_keys(connection: Session) -> set[str]:
    """Names of columns that hold ids of other tables: foreign keys to a column `id`."""
    rows = connection.execute(
        "select distinct a.attname from pg_catalog.pg_constraint as k"
        " join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]"
        " join pg_catalog.pg_attribute as f on f.attrelid = k.confrelid and f.attnum = k.confkey[1]"
        " where k.contype = 'f' and cardinality(k.conkey) = 1 and f.attname = 'id'"
    )
    return {str(row[0]) for row in rows}


def _rows(
    connection: Session, result: Any, foreign_keys: set[str], *, with_values: bool
) -> tuple[list[FailingRow], list[Difference]]:
    """The first failing rows of a test and what sums all of them up, asked for again: dbt keeps only their number."""
    node = result.node
    query = f"select * from (\n{node.compiled_code}\n) as failing limit {SHOWN_DIFFERENCES + SHOWN_ROWS}"  # noqa: S608 - the test's own SQL
    try:
        cursor = connection.execute(query.encode())
        names = [column.name for column in cursor.description or []]
        found = [dict(zip(names, row, strict=True)) for row in cursor]
    except psycopg.Error as error:
        return [FailingRow(_table(node), actual=f"the rows could not be read: {why(error)}")], []
    differences = [_difference(values["summary"]) for values in found if values.get("summary")]
    category, rows = next(iter(NOT_ABOUT_ROWS.intersection(node.fqn)), ""), []
    for values in [values for values in found if not values.get("summary")][:SHOWN_ROWS]:
        row = FailingRow(_table(node))  # all that a generic test says
        if "table_name" in values:
            named = ("table_name", "key", "column_name", "expected", "actual")
            texts = ("" if values.get(name) is None else str(values[name]) for name in named)
            row.table, row.key, row.column, row.expected, row.actual = texts
        rows.append(row if with_values else _masked(row, category, foreign_keys))
    if not with_values:
        for difference in differences:
            if difference.table in PERSONAL_KEYS:
                difference.keys, difference.places = "", []
    return rows, differences


def _difference(summary: dict[str, Any]) -> Difference:
    places = [0] * PLACES if summary["places"] else []
    for place, number in summary["places"].items():
        places[int(place)] = number
    return Difference(**{**summary, "places": places})


def _masked(row: FailingRow, category: str, foreign_keys: set[str]) -> FailingRow:
    """The row without anything that may tell something about a person. What is not known to be harmless is left out."""
    if row.table in PERSONAL_KEYS:
        row.key, row.hidden = "", True
    harmless = (
        row.column in HARMLESS_COLUMNS
        or category in NOT_ABOUT_ROWS
        or row.column in foreign_keys
        or (row.table in CHAINS and row.column not in PERSONAL_COLUMNS)
    )
    if not harmless or row.column in PERSONAL_COLUMNS:
        row.expected, row.actual, row.hidden = "", "", True
    return row


def comparisons(  # noqa: PLR0917 - what a validation has read
    session: Session,
    audit_schema: str,
    tables: Sequence[CoreTable],
    facts: Facts,
    outcome: Validation,
    validation: str,
) -> tuple[list[Comparison], list[Comparison]]:
    """What was compared, by the tests that did run, and what was not."""
    tests = [*(test for of_line in outcome.by_line.values() for test in of_line), *outcome.beyond]
    # those that did compare something: one that broke off or was skipped has not
    ran = {test.name for test in tests if test.status in ("passed", "failed")}
    links = sum(link.rows_before or 0 for link in facts.chains.values())
    query = "select coalesce(sum(cardinality(column_names)), 0)::integer from {baseline_tables}"
    columns = sum(count for (count,) in rows_of(session, audit_schema, query))
    counted = sum(len(values) for values in facts.aggregates.values())
    as_text, others = _compared_as_text(session, tables), _other_tables(session, audit_schema, tables)
    compared = [
        (
            "core_rows_unchanged" in ran,
            "Rows of the core tables",
            (
                f"{facts.total('rows_before') or 0:,} rows in {len(facts.tables)} tables, each of {columns} columns by value:"
                " typed, NULL told from every text, against the copy that the baseline keeps"
            ),
        ),
        (
            {"student_school_chain_unchanged", "student_modules_chain_unchanged"} <= ran,
            "Chains",
            (
                f"{links:,} links in {len(facts.chains)} chains, whole: their number and a fingerprint of every column, against"
                " those that the kept rows give, or, where nothing was written since the core tables were read, number and"
                " fingerprint of the rows that they join; every column by value where these differ"
            ),
        ),
        (
            "marks_unchanged" in ran and counted,
            "Aggregates",
            f"{counted} sums, averages and counts, exact to the last digit",
        ),
        *(
            (
                test.name != "core_rows_unchanged" and test.name in ran,
                test.about,
                f"test {test.spec} {test.name}" if test.spec else test.name,
            )
            for test in outcome.beyond
        ),
    ]
    not_compared = [
        (as_text, ", ".join(as_text), "of a type that PostgreSQL cannot compare: compared as text instead"),
        (
            others and "other_tables_unchanged" not in ran,
            f"Rows of {len(others)} other tables: {', '.join(others[:8])}{' …' if len(others) > 8 else ''}",  # noqa: PLR2004 - enough to know which
            (
                "the migration does not touch them and they may be written to meanwhile; the backup has the fingerprint of"
                " each"
            ),
        ),
        (True, "Positions of sequences", "they move on by themselves whenever a row is inserted"),
        (
            validation == "ongoing",
            "Rows and chains as they were at the cut-over",
            "this is an ongoing validation: rows may come, change and go",
        ),
    ]
    told = [[Comparison(what, how) for holds, what, how in part if holds and what] for part in (compared, not_compared)]
    return told[0], told[1]


def _compared_as_text(session: Session, tables: Sequence[CoreTable]) -> list[str]:
    core = {(table.schema, table.identifier) for table in tables}
    query = (
        f"select schema_name, relation_name, column_name from ({render_macro('comparable_columns')}) as c"  # noqa: S608 - the project's own SQL
        " where comparable like 'pg_catalog.textin(%' order by 2, 3"
    )
    rows = session.execute(query.encode())
    return [f"{relation}.{column}" for schema, relation, column in rows if (schema, relation) in core]


def _other_tables(session: Session, audit_schema: str, tables: Sequence[CoreTable]) -> list[str]:
    rows = session.execute(
        "select c.relname from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace"
        " where c.relkind = 'r' and n.nspname = any(%s) and n.nspname <> %s and c.relname <> all(%s) order by 1",
        [list({table.schema for table in tables}), audit_schema, [table.identifier for table in tables]],
    )
    return [row[0] for row in rows]
