"""The sample registry: a university's tables, of the live registry's shape and size, filled inside the server.

demo/ holds it as SQL: first the tables, then the rows, then keys and indexes. All of it is one transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from driver.bootstrap import ROOT
from driver.errors import Problem

LARGEST_SCALE = 250  # above it, ids leave the range of integer
DEMO = ROOT / "demo"


# How many rows a table has, at scale 1 and at least, so that every chain has its links. In the order of loading: a table
# comes after those it points to.
TABLES: dict[str, tuple[int, int]] = {
    "terms": (16, 16),
    "students": (21_000, 40),
    "student_education": (2_492, 10),
    "next_of_kins": (11, 5),
    "schools": (15, 3),
    "programs": (102, 6),
    "structures": (417, 12),
    "structure_semesters": (2_702, 78),
    "modules": (4_059, 60),
    "semester_modules": (13_035, 400),
    "module_prerequisites": (408, 10),
    "student_programs": (24_176, 46),
    "student_semesters": (119_915, 230),
    "student_modules": (673_913, 1_300),
    "assessments": (8_118, 120),
    "assessment_marks": (180_000, 350),
}


def rows_at(scale: float) -> dict[str, int]:
    """The number of rows of every table at a scale (1 is the live registry's size)."""
    counts = {name: max(least, round(rows * scale)) for name, (rows, least) in TABLES.items()}
    counts["assessments"] = 2 * counts["modules"]  # two of every module
    return {**counts, "terms": TABLES["terms"][0]}


def load(
    connection: psycopg.Connection[Any],
    scale: float = 1.0,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    schema: str = "public",
) -> dict[str, int]:
    """Create the sample registry and fill it, in one transaction. Returns each table's number of rows.

    The progress is told step, rows done and rows in all, before every step and once at the end.

    Raises:
        Problem: the scale is out of range, or the schema already holds such a table.
    """
    if not 0 < scale <= LARGEST_SCALE:
        raise Problem(
            f"scale {scale:g} is out of range",
            do=f"give a number above 0, at most {LARGEST_SCALE}; 1 is the live registry's size",
        )
    counts = rows_at(scale)
    total = sum(counts.values())
    with connection.transaction():
        _prepare(connection, schema)
        connection.execute((DEMO / "schema.sql").read_bytes())
        done = 0
        for statement in row_statements(counts):
            filled = re.search(r"^insert into (\w+)", statement, re.MULTILINE)
            if filled:
                progress(f"rows of {filled[1]}", done, total)
                done += counts[filled[1]]
            connection.execute(statement.encode())
        progress("keys and indexes", done, total)
        connection.execute((DEMO / "constraints.sql").read_bytes())
        for name in counts:
            if name != "students":
                connection.execute(
                    sql.SQL("select setval(pg_get_serial_sequence({}, 'id'), max(id)) from {}").format(
                        sql.Literal(name), sql.Identifier(name)
                    )
                )
        progress("statistics", done, total)
        connection.execute(sql.SQL("analyze {}").format(sql.SQL(", ").join(map(sql.Identifier, counts))))
    progress("done", done, total)
    return counts


def row_statements(counts: dict[str, int]) -> list[str]:
    """The statements of rows.sql, with numbers of rows in place of psql's variables."""
    text = (DEMO / "rows.sql").read_text("utf-8")
    variable = re.compile(rf"(?<!:):({'|'.join(counts)})\b")
    return variable.sub(lambda found: str(counts[found[1]]), text).split("\n\n")


def _prepare(connection: psycopg.Connection[Any], schema: str) -> None:
    """Make the schema, refuse one in use, and set the transaction up for bulk work and repeatable results."""
    if not connection.execute("select 1 from pg_namespace where nspname = %s", [schema]).fetchone():
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
    taken = connection.execute(
        "select relname from pg_class where relnamespace = (select oid from pg_namespace where nspname = %s)"
        " and relname = any(%s) order by 1 limit 1",
        [schema, list(TABLES)],
    ).fetchone()
    if taken:
        raise Problem(
            f"schema {schema} already holds a table {taken[0]}",
            where=f"database {connection.info.dbname}",
            do="load the sample registry into an empty database or another schema",
        )
    for setting, value in {
        "search_path": sql.Identifier(schema).as_string(connection),
        "synchronous_commit": "off",
        "maintenance_work_mem": "256MB",
        "statement_timeout": "0",
        "datestyle": "ISO, YMD",
        "timezone": "UTC",
        "check_function_bodies": "on",
    }.items():
        connection.execute("select set_config(%s, %s, true)", [setting, value])
