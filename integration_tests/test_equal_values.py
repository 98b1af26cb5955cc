"""Values that PostgreSQL calls equal and that are not the same: no comparison may take one for the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.embedded_server import EmbeddedServer

COLLATION = "create collation any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
KINDS = {
    "text": (COLLATION, "text collate any_case", "Ann", "ANN"),
    "domain": (f"{COLLATION}; create domain nick as text collate any_case", "nick", "Ann", "ANN"),
    "array": (COLLATION, "text[] collate any_case", "{Ann}", "{ANN}"),
    "citext": ("create extension citext", "citext", "Ann", "ANN"),
}


@pytest.fixture
def connection(server: EmbeddedServer) -> Iterator[psycopg.Connection]:
    """A database of its own."""
    server.create_database("equal")
    with server.connect("equal") as opened:
        yield opened
    server.drop_database("equal")


@pytest.mark.every_major
@pytest.mark.parametrize("kind", KINDS)
def test_case_counts_where_the_type_or_its_collation_ignores_it(connection: psycopg.Connection, kind: str) -> None:
    preparation, column_type, one, other = KINDS[kind]
    try:
        connection.execute(preparation.encode())
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this server was built without ICU, or comes without citext")
    connection.execute(f"create table people (id integer, name {column_type})".encode())
    connection.execute(f"insert into people values (1, '{one}'); create table kept as table people".encode())
    assert connection.execute("select name = %s from people", [other]).fetchone() == (True,)

    prints = []
    for value in (one, other):
        connection.execute("update people set name = %s", [value])
        queries = (
            f"select fingerprint_query from ({render_macro('fingerprint_queries')}) as q where relation_name = 'people'"
        )
        (query,) = connection.execute(queries.encode()).fetchone() or ("",)
        prints.append(connection.execute(query.encode()).fetchone())
    assert prints[0] != prints[1]

    columns = (
        f"select column_name, comparable from ({render_macro('comparable_columns')}) as c where relation_name = 'kept'"
    )
    found = [
        {"name": name, "comparable": comparable, "quoted": f'"{name}"'}
        for name, comparable in connection.execute(columns.encode())
    ]
    differences = render_macro(
        "value_differences", table_name="people", expected="table kept", actual="table people", key="id", columns=found
    )
    assert [row[1:5] for row in connection.execute(differences.encode())] == [("1", "name", one, other)]
