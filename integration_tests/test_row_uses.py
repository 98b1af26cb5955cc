"""What a further column breaks in functions and triggers is found before: a server judges each, and the doctor agrees."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from driver.dbt_project import CoreTable
from driver.doctor import Diagnosis, examine
from driver.row_uses.finder import Use, broken_statements, find
from driver.row_uses.plpgsql import pieces
from support.local_rows import CORE_TABLES
from support.registry import AUDIT_SCHEMA, SUPERUSER, Registry
from support.routines import COME_TO, COPIED, FIRST, MADE, MAY, MEANT, PRELUDE, ROWS, WRITTEN
from support.sample_project import SampleProject, connection_of

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLES = [CoreTable(name, "public", name, "id", f"{name}_cms_id_unique") for name in CORE_TABLES]


def called(registry: Registry, made: str, call: str, *, migrated: bool) -> tuple[Any, list[Use]]:
    """What a call answers, and what was found before; everything is taken back."""
    with registry.connect(autocommit=False) as connection:
        connection.execute((PRELUDE + made).encode())
        uses = [] if migrated else find(connection, TABLES, AUDIT_SCHEMA)[1]
        concerned = [table for table in CORE_TABLES if table == "schools" or table in made]
        for table in concerned if migrated else ():
            connection.execute(
                f"alter table {table} add column cms_id integer unique; alter table {table} disable trigger user;"
                f" update {table} set cms_id = id where id > (select min(id) from {table});"
                f" alter table {table} enable trigger user".encode()
            )
        cursor = connection.cursor()
        try:
            cursor.execute(call.encode())
            while cursor.nextset():
                pass
            answer: Any = cursor.fetchall() if cursor.description else None
        except psycopg.Error as error:
            answer = f"{error.diag.message_primary}, {error.diag.context}"
        connection.rollback()
    return answer, uses


def disagreements(registry: Registry, routines: Mapping[str, tuple[str, str]]) -> dict[str, tuple[Any, Any, list[Use]]]:
    """Those of which server and finder say something else, or name another line of plpgsql."""
    found = {}
    for name, (made, call) in routines.items():
        before, uses = called(registry, made, call, migrated=False)
        after, _ = called(registry, made, call, migrated=True)
        assert not isinstance(before, str), f"{name} does not work to begin with: {before}"
        kinds = {use.kind for use in uses} & {"breaks", "may"}
        line = re.search(r"function (\w+\(.*\)) line (\d+)", str(after))
        named = [use.where for use in uses if use.kind == "breaks" and line and use.where.startswith(line[1])]
        other_line = line and named and f"{line[1]}, line {line[2]}" not in named
        if (before != after) != ("breaks" in kinds) or (before == after and kinds) or other_line:
            found[name] = before, after, uses
    return found


@pytest.mark.parametrize(
    "routines",
    [
        pytest.param(FIRST, id="one of each kind"),
        pytest.param(COME_TO, id="what a trigger or a known text comes to"),
        *(pytest.param(cases, marks=pytest.mark.thorough) for cases in (MEANT, COPIED, MADE, WRITTEN, ROWS)),
    ],
)
def test_what_breaks_is_found_and_what_does_not_is_let_be(
    registry: Registry, routines: Mapping[str, tuple[str, str]]
) -> None:
    assert disagreements(registry, routines) == {}


def test_fewer_variables_than_columns_break_where_a_function_forbids_that(registry: Registry) -> None:
    with registry.connect(SUPERUSER, autocommit=False) as connection:
        connection.execute(
            "create function pair() returns text language plpgsql set plpgsql.extra_errors = 'strict_multi_assignment' as"
            " $$ declare a int; b text; c text; d bool; e timestamp; begin select * into a, b, c, d, e from schools; end $$"
        )
        found = find(connection, TABLES, AUDIT_SCHEMA)[1]
    assert [(use.kind, use.where) for use in found] == [("breaks", "pair(), line 1")]


def test_what_may_be_coped_with_is_a_warning(registry: Registry) -> None:
    for made, call in MAY.values():
        _, uses = called(registry, made, call, migrated=False)
        assert {use.kind for use in uses} & {"breaks", "may"} == {"may"}, made


HISTORY = """
create table history as select s.*, now() as noted_at from schools as s with no data;
create function note_school() returns trigger language plpgsql as $$
begin
  -- every column
  insert into history
  select new.*, now();
  execute format('insert into %I values ($1.*)', coalesce(new.name, 'x') || '_history') using new;
  return null;
end
$$;
create trigger note_school after insert on schools for each row execute function note_school();
create function cope() returns void language plpgsql as $$
begin insert into history select s.*, now() from schools as s; exception when others then null; end $$;
create function newest() returns schools language sql as 'select * from schools order by id desc limit 1';
"""


def application(diagnosis: Diagnosis) -> dict[str, tuple[str, str]]:
    """What was found of the application."""
    return {f.code: (f.blocks, f.detail) for f in diagnosis.of_check("application")}


def test_the_doctor_names_it_with_its_line_and_blocks_unless_it_may_fail(registry: Registry) -> None:
    assert application(examine(connection_of(registry), SampleProject())) == {}
    registry.execute(HISTORY)
    diagnosis = examine(connection_of(registry), SampleProject())
    found = application(diagnosis)
    breaks = "note_school(), line 4: INSERT INTO history has 7 values for 6 columns, once the core tables have cms_id"
    assert found == {
        "row_use_breaks": ("both", breaks),
        "row_use_may_break": (
            "none",
            "cope(), line 2: INSERT INTO history has 7 values for 6 columns, once the core tables have cms_id",
        ),
        "row_type_functions": ("none", "whole rows of core tables are returned or taken by newest() (schools)"),
        "row_use_unseen": (
            "none",
            "what these do with core tables cannot be seen: note_school(), line 6 executes a text that it puts together",
        ),
    }
    assert "allow_row_type_use" in diagnosis.refusal("online")
    allowed = examine(connection_of(registry), SampleProject(variables={"allow_row_type_use": True}))
    assert application(allowed)["row_use_breaks"] == ("none", breaks)
    assert allowed.refusal("window") == ""


def test_the_lines_are_those_of_the_servers_messages(registry: Registry) -> None:
    registry.execute(HISTORY)
    with registry.connect(autocommit=False) as connection:
        connection.execute("alter table schools add column cms_id integer")
        with pytest.raises(psycopg.errors.SyntaxError) as caught:
            connection.execute("insert into schools (code, name) values ('NEW', 'New')")
    assert "function note_school() line 4" in str(caught.value.diag.context)


def test_what_cannot_be_read_is_said_only_where_it_may_be_about_the_tables(registry: Registry) -> None:
    with registry.connect(autocommit=False) as connection:
        connection.execute("set check_function_bodies = off")
        connection.execute(
            "create function about() returns bigint language sql as 'select count(*) form schools where'"
        )
        connection.execute("create function other() returns bigint language sql as 'select count(*) form rooms where'")
        assert find(connection, TABLES, AUDIT_SCHEMA)[1] == [Use("unseen", "about()", "could not be read")]


def test_what_is_written_for_the_column_already_is_let_be(registry: Registry) -> None:
    with registry.connect(autocommit=False) as connection:
        connection.execute(
            "create function later() returns bigint language plpgsql as"
            " $$ begin return (select cms_id from schools where cms_id > 0 order by cms_id limit 1); end $$"
        )
        assert find(connection, TABLES, AUDIT_SCHEMA)[1] == []


def test_statements_that_the_server_counts_are_read_as_well(registry: Registry) -> None:
    """The extension has to be loaded with the server; here a relation of its shape stands for it."""
    with registry.connect(autocommit=False) as connection:
        connection.execute(
            "create table old_schools as select * from schools;"
            " create table pg_stat_statements as select oid as dbid, query, 1 as calls from pg_database,"
            " unnest(array['insert into old_schools select * from schools where id = $1',"
            " 'select * from schools limit $1', '<insufficient privilege>']) as query where datname = current_database()"
        )
        assert broken_statements(connection, TABLES) == [
            (
                "insert into old_schools select * from schools where id = $1",
                "INSERT INTO old_schools has 6 values for 5 columns",
            )
        ]


def test_a_body_is_taken_apart_as_plpgsql_reads_it() -> None:
    text = """#variable_conflict use_column
    <<a>> declare n int := case when true then 1 else 2 end; -- ;
    begin if x = (case when y then 1 end) then perform 'then ;'; elsif z then null; else n := 1; end if;
    for r in select 1 loop exit when r; end loop; case n when 1, 2 then n = 2; end case;
    begin return query select case when a then b end; exception when others then raise; end; end"""
    assert [" ".join(piece.words) for piece in pieces(text)] == [
        "n int := case when true then 1 else 2 end",
        "begin",
        "if x = ( case when y then 1 end )",
        "perform 'then ;'",
        "elsif z",
        "null",
        "else",
        "n := 1",
        "end if",
        "for r in select 1",
        "exit when r",
        "end loop",
        "case n when 1 , 2",
        "n = 2",
        "end case",
        "begin",
        "return query select case when a then b end",
        "exception",
        "when others",
        "raise",
        "end",
        "end",
    ]
