"""What a validation compared and how, and what it did not and why: told with the numbers of the run."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from driver.facts import rows_of
from driver.macro_sql import render_macro
from driver.result import Comparison, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from driver.checklist import Facts
    from driver.dbt_project import CoreTable
    from driver.validation import Validation


def compared(
    connection: psycopg.Connection[Any], audit_schema: str, facts: Facts, validation: Validation
) -> list[Comparison]:
    """What was compared, by the tests that did run."""
    ran = _with_a_verdict([*chain.from_iterable(validation.by_line.values()), *validation.beyond])
    rows, links = facts.total("rows_before"), sum(link.rows_before or 0 for link in facts.chains.values())
    found = []
    if "core_rows_unchanged" in ran:
        query = "select coalesce(sum(cardinality(column_names)), 0)::integer from {baseline_tables}"
        columns = sum(count for (count,) in rows_of(connection, audit_schema, query))
        found.append(
            Comparison(
                "Rows of the core tables",
                f"{rows or 0:,} rows in {len(facts.tables)} tables, each of {columns} columns by value: typed, NULL"
                " told from every text, against the copy that the baseline keeps",
            )
        )
    if {"student_school_chain_unchanged", "student_modules_chain_unchanged"} <= ran:
        found.append(
            Comparison(
                "Chains",
                f"{links:,} links in {len(facts.chains)} chains, whole: their number and a fingerprint of every column, against"
                " those that the kept rows give; every column by value where these differ",
            )
        )
    counted = sum(len(values) for values in facts.aggregates.values())
    if "marks_unchanged" in ran and counted:
        found.append(Comparison("Aggregates", f"{counted} sums, averages and counts, exact to the last digit"))
    found += [
        Comparison(test.about, f"test {test.spec} {test.name}" if test.spec else test.name)
        for test in validation.beyond
        if test.name != "core_rows_unchanged" and test.about and test.name in ran
    ]
    return found


def _with_a_verdict(tests: Sequence[Outcome]) -> set[str]:
    """The tests that did compare something: one that broke off or was skipped has not."""
    return {test.name for test in tests if test.status in ("passed", "failed")}


def not_compared(
    connection: psycopg.Connection[Any],
    audit_schema: str,
    tables: Sequence[CoreTable],
    outcome: Validation,
    validation: str,
) -> list[Comparison]:
    """What was not compared, and why."""
    found = []
    as_text = _compared_as_text(connection, tables)
    if as_text:
        found.append(
            Comparison(", ".join(as_text), "of a type that PostgreSQL cannot compare: compared as text instead")
        )
    others = _other_tables(connection, audit_schema, tables)
    if others and "other_tables_unchanged" not in _with_a_verdict(outcome.beyond):
        found.append(
            Comparison(
                f"Rows of {len(others)} other tables: {', '.join(others[:8])}{' …' if len(others) > 8 else ''}",  # noqa: PLR2004 - enough to know which
                "the migration does not touch them and they may be written to meanwhile; the backup has the fingerprint"
                " of each",
            )
        )
    found.append(Comparison("Positions of sequences", "they move on by themselves whenever a row is inserted"))
    if validation == "ongoing":
        found.append(
            Comparison(
                "Rows and chains as they were at the cut-over",
                "this is an ongoing validation: rows may come, change and go",
            )
        )
    return found


def _compared_as_text(connection: psycopg.Connection[Any], tables: Sequence[CoreTable]) -> list[str]:
    core = {(table.schema, table.identifier) for table in tables}
    query = (
        f"select schema_name, relation_name, column_name from ({render_macro('comparable_columns')}) as c"  # noqa: S608 - the project's own SQL
        " where comparable like 'pg_catalog.textin(%' order by 2, 3"
    )
    rows = connection.execute(query.encode())
    return [f"{relation}.{column}" for schema, relation, column in rows if (schema, relation) in core]


def _other_tables(connection: psycopg.Connection[Any], audit_schema: str, tables: Sequence[CoreTable]) -> list[str]:
    rows = connection.execute(
        "select c.relname from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace"
        " where c.relkind = 'r' and n.nspname = any(%s) and n.nspname <> %s and c.relname <> all(%s) order by 1",
        [list({table.schema for table in tables}), audit_schema, [table.identifier for table in tables]],
    )
    return [row[0] for row in rows]
