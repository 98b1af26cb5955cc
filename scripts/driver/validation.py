"""Run the project's tests, once, and turn what dbt says of them into outcomes: verdicts, counts and failing rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from driver.checklist import CHAINS
from driver.errors import Problem, why
from driver.result import Difference, FailingRow, Outcome, OutcomeStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from driver.dbt_project import DbtProject
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


def validate(
    project: DbtProject, connection: psycopg.Connection[Any], step: DbtStep, *, with_values: bool
) -> Validation:
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


def _harmless_foreign_keys(connection: psycopg.Connection[Any]) -> set[str]:
    """Names of columns that hold ids of other tables: foreign keys to a column `id`."""
    rows = connection.execute(
        "select distinct a.attname from pg_catalog.pg_constraint as k"
        " join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]"
        " join pg_catalog.pg_attribute as f on f.attrelid = k.confrelid and f.attnum = k.confkey[1]"
        " where k.contype = 'f' and cardinality(k.conkey) = 1 and f.attname = 'id'"
    )
    return {str(row[0]) for row in rows}


def _rows(
    connection: psycopg.Connection[Any], result: Any, foreign_keys: set[str], *, with_values: bool
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
