"""The names of the server's catalogues and wait event types in our SQL, against lists of what each major version has.

Servers of some majors are here, and the lists are held against them. What the lists say of PostgreSQL 19 is from its documentation.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from driver.embedded_server import EmbeddedServer

ROOT = Path(__file__).resolve().parents[1]
MAJORS = range(14, 20)
NAMES: dict[str, Any] = json.loads((ROOT / "integration_tests" / "support" / "names_of_majors.json").read_text("utf-8"))
"""`columns` by catalogue, which every major has; those that came with a major (`since`) or went after one (`until`); and
the `wait_event_types` of each."""


STOOD_IN_FOR = {"pg_database.daticulocale", "pg_database.daticurules", "pg_database.datlocale"}
"""Columns that some majors lack, and whose readers ask which major it is."""
WAIT_EVENTS_LISTED_SINCE = 17


@cache
def named() -> set[str]:
    """The columns that our SQL names; and some that no catalogue has, where a file uses an alias twice."""
    found = set()
    files = [*ROOT.glob("macros/**/*.sql"), *ROOT.glob("tests/**/*.sql"), *ROOT.glob("scripts/driver/**/*.py")]
    for text in (path.read_text("utf-8") for path in files):
        for catalogue, alias in re.findall(r"\b(pg_[a-z_]+) as ([a-z_]+)\b", text):
            found |= {f"{catalogue}.{column}" for column in re.findall(rf"\b{alias}\.([a-z_]+)\b(?!\()", text)}
    return found


def known(major: int) -> set[str]:
    """The columns in the lists that a major has."""
    always = {f"{catalogue}.{column}" for catalogue, columns in NAMES["columns"].items() for column in columns}
    came = {name for name, first in NAMES["since"].items() if first <= major}
    return (always | came | set(NAMES["until"])) - {name for name, last in NAMES["until"].items() if last < major}


@pytest.mark.every_major
def test_the_lists_are_what_the_server_has(server: EmbeddedServer, major: int) -> None:
    """Else: see which majors have the column, and list it."""
    with server.connect() as connection:
        rows = connection.execute(
            "select c.relname || '.' || a.attname from pg_catalog.pg_attribute as a join pg_catalog.pg_class as c"
            " on a.attrelid = c.oid where c.relnamespace = 'pg_catalog'::regnamespace and not a.attisdropped"
        ).fetchall()
        present = {name for (name,) in rows}
        assert known(major) - present == set()
        assert (known(14) | set(NAMES["since"])) - known(major) & present == set()
        assert named() & present - known(major) == set()
        if major >= WAIT_EVENTS_LISTED_SINCE:
            types = connection.execute("select distinct type from pg_catalog.pg_wait_events").fetchall()
            assert {name for (name,) in types} - set(NAMES["wait_event_types"][str(major)]) == set()


def test_every_major_has_the_columns_that_our_sql_names() -> None:
    some: set[str] = set().union(*map(known, MAJORS))
    assert {name for name in named() & some if not all(name in known(major) for major in MAJORS)} == STOOD_IN_FOR


@pytest.mark.parametrize("of", MAJORS)
def test_every_major_has_each_type_of_wait_that_counts(of: int) -> None:
    """A type that was renamed would count no longer, without an error."""
    sql = "".join(path.read_text("utf-8") for path in ROOT.glob("macros/**/*.sql"))
    (types,) = (set(re.findall(r"'(\w+)'", words)) for words in re.findall(r"wait_event_type in \(([^)]*)\)", sql))
    there = types & set(NAMES["wait_event_types"][str(of)])
    assert types - there == {"BufferPin", "Buffer"} - there
    assert len(types - there) == 1


@pytest.mark.every_major
def test_a_publication_of_19_is_read(server: EmbeddedServer) -> None:
    """What 19 adds to two catalogues stands in views here: a table that is left out, and all sequences."""
    with server.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute(
            "create table public.left_out (id integer); create publication of_all for table public.left_out"
        )
        for name, column in (("pg_publication_rel", "prexcept"), ("pg_publication", "puballsequences")):
            connection.execute(f"create temp view {name}_of_19 as select *, true as {column} from pg_catalog.{name}")

        def rows(query: str) -> list[tuple[str, ...]]:
            of_19 = re.sub(r"\bpg_catalog\.(pg_publication(?:_rel)?) as", r"pg_temp.\1_of_19 as", query)
            of_19 = of_19.replace("from pg_catalog.pg_publication_rel\n", "from pg_temp.pg_publication_rel_of_19\n")
            return connection.execute(of_19.encode()).fetchall()

        objects = {
            kind: definition
            for kind, name, definition in rows(render_macro("catalogue_objects", audit_schema="ours"))
            if "of_all" in name
        }
        assert objects["publication table"] == "left out"
        assert '"puballsequences": true' in objects["publication"]
        whose = (
            f"with {render_macro('_whats_whose')} select s.kind, s.name from superusers as s where s.name = 'of_all'"
        )
        assert rows(whose) == [("publication", "of_all")]
