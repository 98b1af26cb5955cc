"""What a failing comparison says first: how many rows of which table and column, what they share, what they come from.

Most of it asks the SQL that says so, on two tables made for it; one registry goes through dbt.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import dict_row

from driver.export import Shared
from driver.macro_sql import render_macro
from driver.validation import _difference
from support.local_rows import insert_local_row
from support.registry import AUDIT_SCHEMA, NO_BACKUP, SUPERUSER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Servers
    from driver.result import Difference
    from support.registry import Registry

TABLE = "student_semesters"
ROWS = 200
MADE = f"""
create table kept as select
    id, id % 83 + round((id % 10) / 7.0, 4) + 0.0512 as marks, '00' || id as number, (id % 7 - 3) as credits,
    'Neo ' || chr(97 + id % 26) || id as name, '  Neo ' || id || ' ' as padded, id % 2 = 0 as hidden,
    timestamp '2024-01-31 08:12:00' + id * interval '25 hours 7 minutes' as created_at,
    timestamptz '2024-01-31 08:12:00+00' + id * interval '11 hours' as seen_at,
    date '2024-01-31' + id as start_date, case when id % 3 = 0 then 'a remark ' || id end as remark
from generate_series(101, {100 + ROWS}) as id
"""
SOME = "id between 121 and 150"
# what is done: column, new value, of which rows; and what is said: how many rows, which pattern
PATTERNS: dict[str, tuple[str, str, str, int, str]] = {
    "emptied to NULL": ("marks", "null", SOME, 30, "NULL now"),
    "filled": ("remark", "md5(id::text)", f"{SOME} and remark is null", 20, "NULL before"),
    "an empty text": ("name", "''", SOME, 30, "empty now"),
    "one more": ("marks", "marks + 1", SOME, 30, "all +1"),
    "less": ("credits", "credits - 12", SOME, 30, "all -12"),
    "turned round": ("credits", "-credits", f"{SOME} and credits <> 0", 25, "the sign turned round"),
    "rounded": ("marks", "round(marks)", SOME, 30, "rounded to whole numbers"),
    "cut": ("marks", "trunc(marks)", SOME, 30, "cut to whole numbers"),
    "one decimal": ("marks", "round(marks, 1)", SOME, 30, "rounded to one decimal"),
    "two decimals": ("marks", "round(marks, 2)", SOME, 30, "rounded to two decimals"),
    "zeros lost": ("number", "ltrim(number, '0')", SOME, 30, "the same number, written otherwise"),
    "an hour": ("created_at", "created_at + interval '1 hour'", SOME, 30, "all 1 hour later, as by a time zone"),
    "a time zone": ("seen_at", "seen_at - interval '5:30'", SOME, 30, "all 05:30:00 earlier, as by a time zone"),
    "a day": ("start_date", "start_date + 1", SOME, 30, "all 1 day later"),
    "midnight": ("created_at", "date_trunc('day', created_at)", SOME, 30, "the time of day lost"),
    "one value": ("name", "'Mpho'", SOME, 30, "the same value now"),
    "opposites": ("hidden", "not hidden", SOME, 30, "true and false turned round"),
    "trimmed": ("padded", "btrim(padded)", SOME, 30, "trimmed"),
    "blanks": ("name", "name || '  '", SOME, 30, "blanks added"),
    "capitals": ("name", "upper(name)", SOME, 30, "in capitals now"),
    "small letters": ("name", "lower(name)", SOME, 30, "in small letters now"),
    "mixed case": ("padded", "overlay(padded placing 'nEO' from 3)", SOME, 30, "in other case"),
    "cut off": ("name", "left(name, 5)", SOME, 30, "cut off after 5 characters"),
    "swapped": ("number", "case id when 121 then '00150' else '00121' end", "id in (121, 150)", 2, "swapped between the two rows"),
}  # fmt: skip
WITHOUT: dict[str, tuple[str, str]] = {
    "other numbers": ("marks", "marks + id % 5 + 1"),
    "some emptied": ("name", "case when id % 2 = 0 then id::text end"),
    "other texts": ("name", "md5(id::text)"),
    "turned round": ("name", "reverse(name)"),
    "some trimmed": ("padded", "case when id % 4 = 0 then 'x' || id else btrim(padded) end"),
    "other moments": ("created_at", "created_at + id * interval '1 hour'"),
    "some moments": ("seen_at", "case when id = 130 then 'infinity' else seen_at + interval '1 hour' end"),
    "other days": ("start_date", "start_date + id % 3 + 1"),
    "numbers no more": ("number", "number || chr(97 + id % 26)"),
    "some rounded": ("marks", "case when id = 130 then marks + 7 else round(marks) end"),
}


@contextmanager
def database_of_its_own(servers: Servers, name: str) -> Iterator[psycopg.Connection[Any]]:
    """A session in a new database on the newest server, which goes afterwards."""
    from conftest import majors

    server = servers.server(majors()[-1])
    server.drop_database(name)
    server.create_database(name)
    with server.connect(name, row_factory=dict_row) as opened:
        yield opened
    server.drop_database(name)


@pytest.fixture(scope="module")
def connection(servers: Servers) -> Iterator[psycopg.Connection[Any]]:
    """A database with the table `kept`."""
    with database_of_its_own(servers, "told") as opened:
        opened.execute(render_macro("session_pins", local=False).encode())
        opened.execute(b"set search_path to public")
        opened.execute(MADE.encode())
        yield opened


def told(connection: psycopg.Connection[Any]) -> list[Difference]:
    """What is said of the tables `kept` and `live`, with a verdict by what the rows are, and not by who says so."""
    found = connection.execute(
        f"select column_name as name, comparable from ({render_macro('comparable_columns')}) as c"
        " where relation_name = 'kept' order by column_number".encode()
    )
    columns = [{**column, "quoted": sql.Identifier(column["name"]).as_string()} for column in found]
    kept, live = "select * from kept", "select *, xmin as transaction from live"
    rows = render_macro(
        "value_differences", table_name=TABLE, expected=kept, actual=live, key="id", columns=columns,
        transaction="actual.transaction",
    )  # fmt: skip
    comparison = {
        "name": TABLE,
        "key": "id",
        "columns": columns,
        "kept": kept,
        "live": "select * from live",
        "rows": rows,
    }
    query = render_macro("told_differences", comparisons=[comparison])
    failing = connection.execute(query.encode()).fetchall()
    summaries = [row["summary"] for row in failing if row["summary"]]
    # before all rows, and in the shape of rows
    assert [row["summary"] for row in failing[: len(summaries)]] == summaries
    assert all(None not in (row["table_name"], row["key"], row["expected"], row["actual"]) for row in failing)
    differences = [_difference(summary) for summary in summaries]
    assert sum(difference.rows for difference in differences) == len(failing) - len(summaries)
    for difference in differences:
        assert len(difference.line) <= 100
        assert sum(difference.places) == difference.rows
        assert _count(connection, difference.query) == difference.rows
    return differences


def _count(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(f"select count(*) as n from ({query}) as rows".encode()).fetchone()
    assert row is not None
    return int(row["n"])


def edited(connection: psycopg.Connection[Any], *statements: str) -> list[Difference]:
    """What is said after these statements."""
    with connection.transaction(force_rollback=True):
        connection.execute(b"create table live as select * from kept")
        for statement in statements:
            connection.execute(statement.encode())
        return told(connection)


def update(column: str, value: str, which: str) -> str:
    return f"update live set {column} = {value} where {which}"


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_named_in_the_first_line(connection: psycopg.Connection[Any], name: str) -> None:
    column, value, which, number, pattern = PATTERNS[name]
    (difference,) = edited(connection, update(column, value, which))
    assert difference.line == f"{TABLE}.{column}: {number} of {ROWS} rows, {pattern}"


@pytest.mark.parametrize(("one", "other"), list(pairwise([*PATTERNS, next(iter(PATTERNS))])))
def test_two_at_once_are_told_apart(connection: psycopg.Connection[Any], one: str, other: str) -> None:
    first, second = PATTERNS[one], PATTERNS[other]
    if first[0] == second[0]:
        second = next(pattern for pattern in reversed(PATTERNS.values()) if pattern[0] != first[0])
    found = edited(connection, update(*first[:3]), update(*second[:3]))
    assert {difference.line for difference in found} == {
        f"{TABLE}.{column}: {number} of {ROWS} rows, {pattern}" for column, _, _, number, pattern in (first, second)
    }


@pytest.mark.parametrize("name", WITHOUT)
def test_where_there_is_no_pattern_none_is_named(connection: psycopg.Connection[Any], name: str) -> None:
    (difference,) = edited(connection, update(*WITHOUT[name], SOME))
    assert difference.line == f"{TABLE}.{WITHOUT[name][0]}: 30 of {ROWS} rows, no pattern in common"
    assert difference.verdict == "cannot be told"


@pytest.mark.parametrize(
    ("statement", "line", "keys", "verdict"),
    [
        ("delete from live where id < 104", "3 of 200 rows, missing", "keys 101 to 103, without a gap", "cannot be told"),
        ("delete from live", "200 of 200 rows, missing", "keys 101 to 300, without a gap", "damage"),
        ("insert into live (id) values (900), (950)", "2 rows beside 200, additional", "keys 900 to 950, scattered",
         "cannot be told"),
        ("update live set id = id + 1000 where id = 300", "1 of 200 rows, missing", "key 300", "cannot be told"),
        ("update live set marks = marks + 1 where id % 100 = 7", ".marks: 2 of 200 rows, all +1",
         "keys 107 to 207, scattered", "cannot be told"),
        ("update live set marks = marks + 1", ".marks: 200 of 200 rows, all +1", "keys 101 to 300, without a gap", "damage"),
        ("update live set marks = marks + id", ".marks: 200 of 200 rows, no pattern in common",
         "keys 101 to 300, without a gap", "cannot be told"),
        ("update live set name = upper(name) where id > 200", ".name: 100 of 200 rows, in capitals now",
         "keys 201 to 300, without a gap", "damage"),
        ("update live set name = 'x' where id = 200", ".name: 1 of 200 rows, changed", "key 200", "cannot be told"),
    ],
)  # fmt: skip
def test_it_is_said_where_the_rows_lie_and_what_they_come_from(
    connection: psycopg.Connection[Any], statement: str, line: str, keys: str, verdict: str
) -> None:
    difference = next(item for item in edited(connection, statement) if line in item.line)
    assert (difference.keys, difference.verdict) == (keys, verdict)
    assert difference.evidence


def test_conversions_by_hand_are_not_called_damage(connection: psycopg.Connection[Any]) -> None:
    """Somebody writes names in capitals, one after the other: no two rows are of the same transaction."""
    connection.execute(b"create table live as select * from kept")
    try:
        for key in range(121, 151):
            connection.execute(update("name", "upper(name)", f"id = {key}").encode())
        (difference,) = told(connection)
    finally:
        connection.execute(b"drop table live")
    assert (difference.pattern, difference.verdict) == ("in capitals now", "cannot be told")


@pytest.mark.parametrize("length", [20, 63])
def test_a_long_name_is_cut_and_what_is_said_of_it_is_not(connection: psycopg.Connection[Any], length: int) -> None:
    told = "673,913 of 673,913 rows, the same number, written otherwise"
    judged = f"""(select '{"t" * length}.{"c" * length}' as subject, '{told}' as told, 'rows' as noun, 't' as table_name,
        'c' as column_name, 1 as n, 1 as of_rows, '' as pattern, '' as keys, null::jsonb as places, 'damage: x' as verdict,
        false as is_derived, '' as query)"""
    row = connection.execute(render_macro("difference_rows", judged=judged).encode()).fetchone()
    assert row
    line = row["summary"]["line"]
    assert line.endswith(f": {told}")
    assert line.startswith("t" * 20)
    assert len(line) == min(100, 2 * length + 1 + 2 + len(told))


# ---- two exports


@pytest.mark.parametrize(
    "edit", [*(edit[:3] for edit in PATTERNS.values()), *((*edit, SOME) for edit in WITHOUT.values())]
)
def test_two_exports_are_told_in_the_same_words(
    connection: psycopg.Connection[Any], edit: tuple[str, str, str]
) -> None:
    """They hold numbers and codes: where SQL finds what only times, marks and truths have, none is found there."""
    column, *_ = edit
    with connection.transaction(force_rollback=True):
        connection.execute(b"create table live as select * from kept")
        connection.execute(update(*edit).encode())
        (difference,) = told(connection)
        rows = connection.execute(
            f"select id::text as key, coalesce(k.{column}::text, '') as was, coalesce(l.{column}::text, '') as now"
            f" from kept as k join live as l using (id) where k.{column} is distinct from l.{column} order by id".encode()
        ).fetchall()
    shared = Shared(f"{TABLE}.{column}", "changed")
    for row in rows:
        shared.add(row["key"], row["was"], row["now"])
    pattern, line = (text.replace("NULL", "empty") for text in (difference.pattern, difference.line))
    if pattern.startswith(("rounded", "cut", "the sign", "the time", "true")) or pattern.endswith(
        ("later", "earlier", "zone")
    ):
        assert shared.pattern == "no pattern in common"
    else:
        assert shared.sentence(ROWS) == f"{line}; {difference.keys}"


# ---- a pattern holds for every row that is counted


def number(value: str | None) -> Decimal | None:
    try:
        return Decimal(value) if value is not None and re.fullmatch(r"[-+]?[0-9]+(\.[0-9]+)?", value) else None
    except InvalidOperation:
        return None


def rounded(places: int) -> Callable[[Decimal, Decimal], bool]:
    return lambda was, now: now == was.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


BLANKS = " \t\n\r"
OF_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "empty now": lambda _, now: now == "",
    "trimmed": lambda was, now: now == was.strip(BLANKS),
    "blanks added": lambda was, now: was == now.strip(BLANKS),
    "in capitals now": lambda was, now: now == was.upper(),
    "in small letters now": lambda was, now: now == was.lower(),
    "in other case": lambda was, now: now.lower() == was.lower(),
    "true and false turned round": lambda was, now: {was, now} == {"true", "false"},
    "cut off": lambda was, now: was.startswith(now),
}
OF_NUMBERS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "the same number, written otherwise": lambda was, now: was == now,
    "the sign turned round": lambda was, now: was == -now,
    "rounded to whole numbers": rounded(0),
    "cut to whole numbers": lambda was, now: now == was.to_integral_value("ROUND_DOWN"),
    "rounded to one decimal": rounded(1),
    "rounded to two decimals": rounded(2),
}


def holds(pattern: str, changes: list[tuple[str | None, str | None]]) -> bool:  # noqa: C901, PLR0911 - one for each kind
    """Whether a pattern holds for all of these (old, new)."""
    if pattern in ("no pattern in common", "changed"):
        return True
    if pattern == "NULL now":
        return all(now is None for _, now in changes)
    if pattern == "NULL before":
        return all(was is None for was, _ in changes)
    if pattern == "the same value now":
        return len({now for _, now in changes}) == 1
    if pattern == "swapped between the two rows":
        return len(changes) == 2 and changes[0] == changes[1][::-1]
    if pattern.endswith(("later", "earlier", "zone")) or pattern == "the time of day lost":
        moments = [tuple(datetime.fromisoformat(str(value)) for value in change) for change in changes]
        if pattern == "the time of day lost":
            return all(now == was.replace(hour=0, minute=0, second=0, microsecond=0) for was, now in moments)
        return len({now - was for was, now in moments}) == 1 and ("later" in pattern) == (moments[0][1] > moments[0][0])
    if pattern.startswith("all "):
        return all(number(now) - number(was) == Decimal(pattern[4:]) for was, now in changes)  # type: ignore[operator]
    if pattern in OF_NUMBERS:
        return all(OF_NUMBERS[pattern](number(was), number(now)) for was, now in changes)  # type: ignore[arg-type]
    after = re.fullmatch(r"cut off after (\d+) characters", pattern)
    if after and {len(now or "") for _, now in changes} != {int(after[1])}:
        return False
    rule = OF_TEXTS["cut off" if after else pattern]
    return all(was is not None and now is not None and rule(was, now) for was, now in changes)


TEXTS = ["", " ", "Neo", "NEO", "neo", " Neo", "Neo ", "Ne", "Élise", "ÉLISE", "true", "false", "NULL", "007", "7", "7.0",
         "-7", "+7", "8", "7.45", "7.5", "7.4", "0.045", "0.05", "1e3", "9" * 45, "NaN", "2024-01-01", "2024-01-02 00:00:00"]  # fmt: skip
MOMENTS = [
    datetime(2024, 1, 31) + timedelta(hours=hours, minutes=15 * (hours % 4))  # noqa: DTZ001 - as the column is
    for hours in (0, 1, 2, 3, 8, 24, 48, 800)
]
VALUES = {
    "a": st.none() | st.sampled_from(TEXTS),
    "n": st.none()
    | st.sampled_from([Decimal(text) for text in ("0", "1", "-1", "7", "7.0", "7.45", "-7.45", "7.5", "NaN")]),
    "m": st.none() | st.sampled_from(MOMENTS),
}
EDITS = ["{0}", "null", "null", "upper({0}::text)", "btrim({0}::text)", "left({0}::text, 2)", "{0}::text || ' '"]
ONE = st.fixed_dictionaries(VALUES)


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(pairs=st.lists(st.tuples(ONE, ONE), min_size=1, max_size=4), edit=st.sampled_from([*EDITS, *EDITS[:1] * 4]))
def test_no_pattern_is_named_that_does_not_hold(
    connection: psycopg.Connection[Any], pairs: list[tuple[dict[str, Any], dict[str, Any]]], edit: str
) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(b"drop table kept; create table kept (id integer, a text, n numeric, m timestamp)")
        connection.execute(b"create table live (like kept)")
        for key, sides in enumerate(pairs):
            for name, side in zip(("kept", "live"), sides, strict=True):
                connection.execute(
                    f"insert into {name} values (%s, %s, %s, %s)".encode(), [key, side["a"], side["n"], side["m"]]
                )
        if edit != "{0}":
            connection.execute(f"update live set a = {edit.format('k.a')} from kept as k where k.id = live.id".encode())
        both = connection.execute(
            b"select id, c.name, kept.value as was, live.value as now from kept join live using (id)"
            b" cross join lateral (values ('a', kept.a, live.a), ('n', kept.n::text, live.n::text),"
            b" ('m', kept.m::text, live.m::text)) as c (name, was, now)".replace(
                b"kept.value as was, live.value as now", b"c.was, c.now"
            )
        ).fetchall()
        for difference in told(connection):
            changes = [
                (row["was"], row["now"])
                for row in both
                if row["name"] == difference.column and row["was"] != row["now"]
            ]
            if difference.column == "n":
                changes = [(was, now) for was, now in changes if number(was) is None or number(was) != number(now)]
            assert len(changes) == difference.rows
            assert holds(difference.pattern, changes), (difference.pattern, changes)


# ---- a registry


def failing(registry: Registry) -> dict[str, list[Difference]]:
    """What dbt's failing tests say first, by test."""
    run = registry.dbt("test", "--select", "tag:cutover", "tag:ongoing", variables=NO_BACKUP)
    assert {result.status for result in run.results} <= {"pass", "fail"}, run.output
    return {
        result.unique_id.split(".")[2]: [_difference(row["summary"]) for row in result.failing if row.get("summary")]
        for result in run.results
        if result.status == "fail"
    }


@pytest.mark.thorough
def test_a_month_of_work_is_no_damage(migrated_registry: Registry) -> None:
    """Rows come, and say when; rows change and go, and only those that say when are called writes."""
    registry = migrated_registry
    registry.execute(
        f"alter table modules add updated_at timestamp default '2020-01-01';"
        f"alter table {AUDIT_SCHEMA}.baseline_rows_modules add updated_at timestamp default '2020-01-01';"
        f"update {AUDIT_SCHEMA}.baseline_tables set column_names = column_names || 'updated_at'::text"
        " where table_name = 'modules'",
        user=SUPERUSER,
    )
    for table in ("student_modules", "next_of_kins"):
        columns = [column for column in registry.columns(table) if column != "created_at"]
        for _ in range(20):
            registry.execute(insert_local_row(table, columns))
    registry.execute("update modules set name = upper(name), updated_at = now()")
    registry.execute(
        "update student_modules set marks = (marks::numeric + 2)::text where id % 3 = 0 and marks ~ '^[0-9]+$'"
    )
    registry.execute("update student_programs set status = 'Completed' where status = 'Active' and id % 5 = 0")
    registry.execute(
        "update terms set name = name || ' '; delete from assessments where id = (select max(id) from assessments)"
    )
    registry.execute("delete from next_of_kins where cms_id = (select min(cms_id) from next_of_kins)")
    found = failing(registry)
    verdicts = {(item.table, item.column, item.pattern): item.verdict for item in found["core_rows_unchanged"]}
    assert "damage" not in {item.verdict for items in found.values() for item in items}
    assert {"row_counts_unchanged", "other_tables_unchanged", "catalogue_unchanged", "marks_unchanged"} <= found.keys()
    written = {key[:2] for key, verdict in verdicts.items() if verdict == "writes of the application"}
    assert written == {("student_modules", ""), ("next_of_kins", ""), ("modules", "name"), ("modules", "updated_at")}
    assert {item.verdict for item in found["cms_id_equals_id"]} == {"writes of the application"}
    assert {key[:2] for key in verdicts if key[:2] not in written} >= {
        ("student_modules", "marks"),
        ("student_programs", "status"),
    }
    assert ("next_of_kins", "", "missing") in verdicts


# ---- the catalogue

SHOP = """
create type mood as enum ('good', 'bad');
create table goods (
    id serial primary key, code text not null unique, price numeric default 0, remark text, mood mood, constraint cheap check (price < 100)
);
create table sold (id integer primary key, good_id integer references goods (id), amount integer, paid boolean);
create index goods_price on goods (price);
create view dear as select id, code, price from goods where price > 10;
create function double(n integer) returns integer language sql return n * 2;
comment on column goods.price is 'in maloti';
comment on table sold is 'what went';
grant select on sold to public;
grant select (price) on goods to public;
"""
# what differences come from: what is done, and what is said of it
DEFINED = {
    "cannot be told": {
        "alter table goods alter price set default 1": "column public.goods.price: defined otherwise",
        "alter table goods alter price set default 1; drop index goods_price; comment on column goods.price is 'in rand'": (
            "column public.goods.price: defined otherwise and more"
        ),
        "alter table goods drop price cascade": (
            "column public.goods.price: missing and more; view public.dear: missing and more"
        ),
        "alter table goods rename price to cost": "column public.goods.price: renamed to cost and more",
        "alter table sold drop amount; alter table sold drop good_id; alter table sold add number integer": (
            "column public.sold.amount: missing; column public.sold.good_id: missing and more; "
            "column public.sold.number: additional"
        ),
        "alter table sold rename to sales": "table public.sold: renamed to sales and more",
        "alter table sold rename to sales; alter table sales alter amount type bigint": (
            "table public.sold: renamed to sales and more"
        ),
        "drop table sold": "table public.sold: missing and more",
        "create table more (id serial primary key, good_id integer references goods (id))": (
            "table public.more: additional and more"
        ),
        "alter index goods_price rename to goods_by_price": "index public.goods_price: renamed to goods_by_price",
        "alter table goods rename constraint cheap to affordable": (
            "constraint public.goods.cheap: renamed to affordable"
        ),
        "alter function double(integer) rename to twice": (
            "function public.double(n integer): renamed to twice(n integer) and more"
        ),
        "create schema apart; alter table sold set schema apart": (
            "schema apart: additional and more; table public.sold: renamed to apart.sold and more"
        ),
        "create or replace function double(n integer) returns integer language sql return n + n": (
            "function public.double(n integer): defined otherwise"
        ),
    },
    "damage": {
        "alter table goods drop constraint cheap": "constraint public.goods.cheap: missing",
        "alter table goods drop constraint goods_code_key": "constraint public.goods.goods_code_key: missing and more",
        "alter table sold drop constraint sold_good_id_fkey, add foreign key (good_id) references goods (id) not valid": (
            "constraint public.sold.sold_good_id_fkey: defined otherwise"
        ),
    },
}


@pytest.fixture(scope="module")
def shop(servers: Servers) -> Iterator[psycopg.Connection[Any]]:
    """A database with a few objects, and its catalogue."""
    with database_of_its_own(servers, "shop") as opened:
        opened.execute(SHOP.encode())
        opened.execute(f"create temporary table before as {CATALOGUE}".encode())
        yield opened


CATALOGUE = "select *, object_kind || ' ' || object_name as object from ({}) as o".replace(
    "{}", render_macro("catalogue_objects", audit_schema=AUDIT_SCHEMA)
)


@pytest.mark.parametrize(
    ("statement", "verdict"), [(statement, verdict) for verdict, done in DEFINED.items() for statement in done]
)
def test_objects_that_belong_together_are_one_difference(
    shop: psycopg.Connection[Any], statement: str, verdict: str
) -> None:
    with shop.transaction(force_rollback=True):
        shop.execute(statement.encode())
        shop.execute(f"create temporary table after as {CATALOGUE}".encode())
        differing = render_macro("object_differences", expected="select * from before", actual="select * from after")
        families = render_macro(
            "object_families", differing=f"select table_name as kind, key as name, was, now from ({differing}) as d"
        )
        rows = shop.execute(render_macro("difference_rows", judged=f"({families})").encode()).fetchall()
        count = _count(shop, differing)
    found = [_difference(row["summary"]) for row in rows]
    assert all(len(difference.line) <= 100 for difference in found)
    lines = {re.sub(", with [0-9]+ objects? of it", " and more", item.line): item.verdict for item in found}
    assert lines == dict.fromkeys(DEFINED[verdict][statement].split("; "), verdict)
    assert sum(difference.rows for difference in found) == count
