"""Properties of the comparison, over random small tables and random edits.

What `value_differences` says of two tables is what a comparison of their values in Python says; and a fingerprint is the
same for equal rows, in any order and in any database, and another one after any edit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Servers
    from driver.embedded_server import EmbeddedServer

TYPES = """
create type grade as enum ('pass', 'fail', 'Élève "A"');
create type "Point of View" as (x integer, "the y" text);
create domain positive as integer check (value > 0);
"""
# Of each type literals with different values: whichever two are taken, they differ. What is in a tuple is one value in
# several spellings.
VALUES: dict[str, list[str | tuple[str, ...]]] = {
    "integer": ["0", "1", "-1", "2147483647"],
    "bigint": ["0", "9223372036854775807", "-9223372036854775808"],
    "boolean": ["true", "false"],
    "text": [
        "",
        " ",
        "NULL",
        "null",
        "x",
        "X",
        "é",
        "e\u0301",
        "学生",
        "a|b",
        "a,b",
        "two\nlines",
        "'",
        '"',
        "\\N",
        "{}",
        "%s",
    ],
    "character(3)": [("a", "a  "), ("", "   "), "ab", " a", "NUL"],
    "character varying(5)": ["a", "a ", "", "NULL"],
    "numeric": [
        ("1.1", "1.10", "01.100"),
        "1.4",
        ("0", "-0", "0.000"),
        "NaN",
        "Infinity",
        "-Infinity",
        "1e-20",
        "1.1000000000000000001",
    ],
    "double precision": [("0", "-0"), "NaN", "Infinity", "-Infinity", "1e-300", "0.1", "0.30000000000000004", "0.3"],
    "real": [("0", "-0"), "NaN", "Infinity", "1.5", "16777216"],
    "date": ["2024-02-29", "infinity", "-infinity", "0044-03-15 BC"],
    "timestamp with time zone": [
        ("2024-01-01 00:00:00+00", "2024-01-01 02:00:00+02", "2023-12-31 19:00:00-05"),
        "2024-01-01 00:00:00.000001+00",
        "infinity",
        "-infinity",
    ],
    "timestamp": ["2024-01-01 00:00:00", "2024-01-01 00:00:00.000001", "infinity"],
    "interval": ["1 day", "24 hours", "1 month", "30 days", "1 second", "-1 second"],
    "time with time zone": ["12:00:00+00", "12:00:00+02", "11:00:00+00"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "bytea": ["", "\\x00", "\\x0000", "\\xff", "\\x5c"],
    "jsonb": [
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}'),
        '{"a": 1}',
        '{"a": null}',
        "{}",
        "[]",
        "null",
        '"null"',
        "1.0e0",
        "[1, 2]",
    ],
    "json": ['{"a": 1, "b": 2}', '{"b": 2, "a": 1}', "{}", "null", '"é"'],
    "point": ["(0,0)", "(1,1)", "(0,1)"],
    "grade": ["pass", "fail", 'Élève "A"'],
    "grade[]": ["{}", "{pass}", "{pass,fail}", "{fail,pass}", "{NULL}"],
    "integer[]": ["{}", "{1}", "{1,2}", "{2,1}", "{NULL}", "{{1,2},{3,4}}", "[0:1]={1,2}"],
    "text[]": ["{}", "{NULL}", '{"NULL"}', '{""}', '{"a,b"}', "{a,b}"],
    "numeric[]": [("{1.1}", "{1.10}"), "{NaN}", "{}"],
    "int4range": [("[1,3)", "[1,2]", "(0,2]"), "empty", "[1,)", "(,)", "[1,4)"],
    "numrange": [("[1.0,2]", "[1,2.00]"), "[1,2)", "empty"],
    "int4multirange": [("{[1,3),[3,5)}", "{[1,5)}"), "{}", "{[1,2),[3,4)}"],
    "tstzrange": ["[2024-01-01 00:00+00,infinity]", "[2024-01-01 00:00+00,)", "empty"],
    '"Point of View"': ["(1,a)", "(1,)", "(,)", '(1,"")', '(1,"a,b")'],
    "positive": ["1", "2"],
    "inet": ["10.0.0.1", "10.0.0.1/8", "::1"],
    "bit varying": ["", "0", "00", "1"],
    "money": ["1.00", "1.01", "-1.00"],
    "tsvector": ["", "'a'", "'a':1"],
    "regclass": ["pg_class", "pg_type"],
}
NAMES = [
    "plain",
    "Capital",
    "two words",
    'a "quote"',
    "it's",
    "select",
    "comma,",
    "Größe",
    "%s",
    "back\\slash",
    "{{ x }}",
    "key",
]

Cell = tuple[int, int] | None
"""Which value of its type, in which spelling; None is NULL."""
Row = tuple[Cell, ...]


def spellings(kind: str, value: int) -> tuple[str, ...]:
    """How a value may be written."""
    found = VALUES[kind][value]
    return found if isinstance(found, tuple) else (found,)


def literal(kind: str, cell: Cell) -> str | None:
    """The text of a value."""
    return None if cell is None else spellings(kind, cell[0])[cell[1]]


def meaning(cell: Cell) -> int | None:
    """What is equal where two values are: which one it is, however it is written."""
    return None if cell is None else cell[0]


def cells(kind: str) -> st.SearchStrategy[Cell]:
    """A value of a type, or NULL."""
    pairs = [(value, number) for value in range(len(VALUES[kind])) for number in range(len(spellings(kind, value)))]
    return st.none() | st.sampled_from(pairs)


@dataclass
class Tables:
    """Two tables of the same columns: what was, and what became of it.

    Attributes:
        columns: name and type of each column beside the key.
        before: key -> row.
        after: the same, edited.
        shuffle: the order in which the rows of `after` are written.
    """

    columns: list[tuple[str, str]]
    before: dict[int, Row] = field(default_factory=dict)
    after: dict[int, Row] = field(default_factory=dict)
    shuffle: list[int] = field(default_factory=list)


@st.composite
def tables(draw: st.DrawFn) -> Tables:
    """A random table and an edited copy of it."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    made = Tables([(name, draw(st.sampled_from(sorted(VALUES)))) for name in names])
    rows = st.tuples(*(cells(kind) for _, kind in made.columns))
    made.before = draw(st.dictionaries(st.integers(-5, 20), rows, max_size=8))
    made.after = dict(made.before)
    for key in draw(st.lists(st.sampled_from(sorted(made.before)), max_size=3, unique=True)) if made.before else []:
        edit = draw(st.sampled_from(["delete", "replace", "one cell"]))
        if edit == "delete":
            del made.after[key]
        elif edit == "replace":
            made.after[key] = draw(rows)
        else:
            at = draw(st.integers(0, len(names) - 1))
            row = made.after[key]
            made.after[key] = (*row[:at], draw(cells(made.columns[at][1])), *row[at + 1 :])
    made.after |= draw(st.dictionaries(st.integers(21, 25), rows, max_size=2))
    made.shuffle = draw(st.permutations(sorted(made.after)))
    return made


def brute_force(made: Tables) -> set[tuple[int, str | None]]:
    """Which cells differ: (key, column), and (key, None) for a row that only one side has."""
    found: set[tuple[int, str | None]] = {(key, None) for key in made.before.keys() ^ made.after.keys()}
    for key in made.before.keys() & made.after.keys():
        for (name, _), old, new in zip(made.columns, made.before[key], made.after[key], strict=True):
            if meaning(old) != meaning(new):
                found.add((key, name))
    return found


# ---- on a server


@pytest.fixture(scope="module")
def databases(
    servers: Servers,
) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    """Two databases with the same types, made in another order, so that their numbers in the catalogue differ."""
    from conftest import majors

    server: EmbeddedServer = servers.server(majors()[-1])
    opened = []
    for name, first in (("properties_one", ""), ("properties_two", "create type in_between as enum ('x', 'y', 'z');")):
        server.drop_database(name)
        server.create_database(name)
        connection = server.connect(name)
        connection.execute(f"{first} {TYPES}".encode())
        opened.append(connection)
    yield opened[0], opened[1]
    for connection in opened:
        name = connection.info.dbname
        connection.close()
        server.drop_database(name)


def make(
    connection: psycopg.Connection, name: str, columns: list[tuple[str, str]], rows: list[tuple[int, Row]]
) -> None:
    """Create a table with these rows, in this order."""
    table = sql.Identifier(name)
    connection.execute(sql.SQL("drop table if exists {}").format(table))
    definition = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind)) for column, kind in columns
    )
    connection.execute(sql.SQL("create unlogged table {} (id integer, {})").format(table, definition))
    if rows:
        values = sql.SQL(", ").join(
            sql.SQL("({}, {})").format(
                sql.Literal(key),
                sql.SQL(", ").join(
                    sql.SQL("{}::{}").format(sql.Literal(literal(kind, cell)), sql.SQL(kind))
                    for (_, kind), cell in zip(columns, row, strict=True)
                ),
            )
            for key, row in rows
        )
        connection.execute(sql.SQL("insert into {} values {}").format(table, values))


def comparable(connection: psycopg.Connection, name: str) -> list[dict[str, str]]:
    """The columns of a table as the comparison uses them."""
    columns = render_macro("comparable_columns")
    query = (
        f"select column_name, comparable from ({columns}) as c where relation_name = '{name}' order by column_number"
    )
    return [
        {"name": column, "comparable": how, "quoted": sql.Identifier(column).as_string()}
        for column, how in connection.execute(query.encode())
    ]


def differences(connection: psycopg.Connection) -> set[tuple[int, str | None]]:
    """What `value_differences` says of the tables `before` and `after`."""
    query = render_macro(
        "value_differences",
        table_name="it's a table",
        expected='select * from "before"',
        actual='select * from "after"',
        key="id",
        columns=comparable(connection, "before"),
    )
    rows = connection.execute(query.encode()).fetchall()
    assert all(row[0] == "it's a table" and row[3] is not None and row[4] is not None for row in rows)
    assert len({row[1:3] for row in rows}) == len(rows)
    return {(int(row[1]), row[2]) for row in rows}


def fingerprint(connection: psycopg.Connection, name: str) -> tuple[int, int, int]:
    """The fingerprint of a table, by the query that the catalogue gives for it."""
    found = connection.execute(
        f"select fingerprint_query from ({render_macro('fingerprint_queries')}) as q where relation_name = '{name}'".encode()
    ).fetchone()
    assert found is not None
    row = connection.execute(found[0].encode()).fetchone()
    assert row is not None
    return row


usual = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Databases = tuple[psycopg.Connection, psycopg.Connection]


@usual
@given(made=tables())
def test_differences_are_those_of_a_brute_force_comparison(databases: Databases, made: Tables) -> None:
    connection, _ = databases
    make(connection, "before", made.columns, sorted(made.before.items()))
    make(connection, "after", made.columns, [(key, made.after[key]) for key in made.shuffle])
    assert differences(connection) == brute_force(made)


@usual
@given(made=tables())
def test_fingerprints_differ_where_rows_do(databases: Databases, made: Tables) -> None:
    """Equal for equal rows, whatever their order; another for whatever differs."""
    connection, _ = databases
    make(connection, "before", made.columns, sorted(made.before.items()))
    make(connection, "after", made.columns, [(key, made.after[key]) for key in made.shuffle])
    same = fingerprint(connection, "before") == fingerprint(connection, "after")
    if brute_force(made):
        assert not same
    elif made.before == made.after:
        assert same


def test_a_fingerprint_differs_where_two_rows_have_swapped_a_value(databases: Databases) -> None:
    """The sum of the rows' hashes does not for many of these pairs, whatever the seed: version 1.0 overlooked such a swap."""
    connection, _ = databases
    connection.execute('drop table if exists "before"')
    connection.execute('create table "before" as select id, id * id as square from generate_series(1, 29) as id')
    before = fingerprint(connection, "before")
    overlooked = 0
    for key in range(1, 29):
        with connection.transaction(force_rollback=True):
            total = f'(select sum(square) from "before" where id in ({key}, {key + 1}))'
            connection.execute(f'update "before" set square = {total} - square where id in ({key}, {key + 1})'.encode())
            after = fingerprint(connection, "before")
        assert after != before, key
        overlooked += after[2] == before[2]
    assert overlooked


def test_of_a_record_of_version_1_0_only_the_second_sum_is_compared(databases: Databases) -> None:
    """Its first sum, a whole number, is not taken any more."""
    connection, _ = databases
    expression = render_macro("fingerprint_change", recorded="r", current="c")
    now = "(2, 7.5, 10)"
    records = {
        "(2, 7.5, 10)": False,
        "(2, 8.5, 10)": True,
        "(2, 7.5, 11)": True,
        "(3, 7.5, 10)": True,
        "(2, 7, 10)": False,
        "(2, 7, 11)": True,
        "(3, 7, 10)": True,
        "(null::bigint, null::numeric, null::numeric)": True,
    }
    named = "(row_count, fingerprint_a, fingerprint_b)"
    for record, changed in records.items():
        query = f"select {expression} from (values {record}) as r {named}, (values {now}) as c {named}"
        assert connection.execute(query.encode()).fetchone() == (changed,), record


@usual
@given(made=tables())
def test_fingerprints_are_the_same_in_another_database(databases: Databases, made: Tables) -> None:
    """Numbers of types and objects in the catalogue are others there."""
    for connection in databases:
        make(connection, "before", made.columns, sorted(made.before.items()))
    one, two = databases
    assert (
        one.execute("select 'grade'::regtype::oid").fetchone() != two.execute("select 'grade'::regtype::oid").fetchone()
    )
    assert fingerprint(one, "before") == fingerprint(two, "before")


@usual
@given(made=tables(), times=st.integers(2, 4))
def test_equal_rows_do_not_cancel(databases: Databases, made: Tables, times: int) -> None:
    """Without a key, a row may occur more than once; each time counts."""
    connection, _ = databases
    rows = sorted(made.before.items())
    found = []
    for copies in range(times + 1):
        make(connection, "before", made.columns, rows * copies)
        found.append(fingerprint(connection, "before"))
    assert len(set(found)) == (times + 1 if rows else 1)


@pytest.mark.parametrize("kind", sorted(VALUES))
def test_every_two_values_of_a_type_differ(databases: Databases, kind: str) -> None:
    """All pairs, NULL among them, and all spellings of one value are equal: the tables of values above are right."""
    connection, _ = databases
    all_cells: list[Cell] = [None]
    all_cells += [
        (value, number) for value in range(len(VALUES[kind])) for number in range(len(spellings(kind, value)))
    ]
    pairs = [(old, new) for old in all_cells for new in all_cells]
    columns = [("value", kind)]
    make(connection, "before", columns, [(key, (old,)) for key, (old, _) in enumerate(pairs)])
    make(connection, "after", columns, [(key, (new,)) for key, (_, new) in enumerate(pairs)])
    wanted = {(key, "value") for key, (old, new) in enumerate(pairs) if meaning(old) != meaning(new)}
    assert differences(connection) == wanted
    prints = {}
    for cell in all_cells:
        make(connection, "before", columns, [(1, (cell,))])
        prints[cell] = fingerprint(connection, "before")
    different = {cell: meaning(cell) for cell in all_cells}
    for one in all_cells:
        for other in all_cells:
            if different[one] != different[other]:
                assert prints[one] != prints[other], (literal(kind, one), literal(kind, other))
