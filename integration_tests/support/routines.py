"""Functions and triggers as applications have them, each with a call: some do not survive a further column, some do.

Which do is not written here: the test calls each on a server, before a plain ADD COLUMN and after it.
"""

# ruff: noqa: ISC003, ISC004 - what makes a case is SQL over several lines

from __future__ import annotations

PRELUDE = """
create table old_schools as select * from schools with no data;
create table schools_log as select s.*, now() as noted_at from schools as s with no data;
create table schools_ready as select s.*, 0 as cms_id from schools as s with no data;
create table imported (cms_id integer, school_code text);
insert into imported select id, code from schools;
create function log(text) returns void language sql as $$ insert into imported (school_code) values ($1) $$;
"""
LISTED = "id, code, name, is_active, created_at"
INSERT = "insert into schools (code, name) values ('NEW', 'New')"
A_ROW = "7, 'x'::text, 'y'::text, true, localtimestamp::timestamp"


def body(text: str, returns: str = "bigint", language: str = "plpgsql", arguments: str = "", options: str = "") -> str:
    """The statement that makes the function `f`."""
    return f"create function f({arguments}) returns {returns} language {language} {options} as $body$\n{text}\n$body$;"


def plpgsql(statements: str, declare: str = "", **options: str) -> str:
    """The function `f` in plpgsql."""
    return body(f"declare\n  {declare}\nbegin\n  {statements};\nend", **options)


def trigger(statements: str, when: str = "after insert", level: str = "for each row", declare: str = "") -> str:
    """A trigger on schools."""
    made = plpgsql(f"{statements};\n  return coalesce(new, old)", declare, returns="trigger")
    return f"{made} create trigger noted {when} on schools {level} execute function f();"


def counted(query: str) -> str:
    """A function that counts the rows of a query."""
    return plpgsql(f"return (select count(*) from ({query}) as counted)")


# name: (what makes it, what calls it)
FIRST: dict[str, tuple[str, str]] = {
    "listed columns, returned as rows by plpgsql": (
        plpgsql(f"return query select {LISTED} from schools", returns="setof schools"),
        "select count(*) from f()",
    ),
    "listed columns, returned as rows by SQL": (
        body(f"select {LISTED} from schools", "setof schools", "sql"),
        "select count(*) from f()",
    ),
    "all columns, returned as rows by SQL": (
        body("select * from schools", "setof schools", "sql"),
        "select count(*) from f()",
    ),
    "all columns, returned as rows by plpgsql": (
        plpgsql("return query select s.* from schools as s where s.is_active", returns="setof schools"),
        "select count(*) from f()",
    ),
    "history of new.* and the time": (trigger("insert into schools_log select new.*, now()"), INSERT),
    "history of named columns": (
        trigger("insert into schools_log (id, code, name) values (new.id, new.code, new.name)"),
        INSERT,
    ),
    "history as JSON": (
        "create table history (said jsonb);" + trigger("insert into history values (to_jsonb(new)), (to_jsonb(old))"),
        INSERT,
    ),
    "archive of deleted rows": (
        body(
            "with gone as (delete from schools where code = 'NEW' returning *)\n"
            "insert into old_schools select * from gone;",
            "void",
            "sql",
        ),
        "select f()",
    ),
    "a table that has cms_id already": (
        trigger("insert into schools_ready (id, code, name) select new.id, 'a', 'b'"),
        INSERT,
    ),
    "RETURNS TABLE of all columns": (
        plpgsql(
            "return query select * from schools",
            returns="table (a integer, b text, c text, d boolean, e timestamp)",
        ),
        "select count(*) from f()",
    ),
    "RETURNS TABLE of listed columns": (
        plpgsql(
            f"return query select {LISTED} from schools",
            returns="table (a integer, b text, c text, d boolean, e timestamp)",
        ),
        "select count(*) from f()",
    ),
    "new compared with old": (
        trigger(
            "if new.* is distinct from old.* or row(new.*) <> row(old.*) or new <> old then\n"
            "    new.created_at := '2000-01-01'; end if",
            "before update",
        ),
        "update schools set name = 'x'",
    ),
    "a union with listed columns": (
        counted(f"select * from schools union all select {LISTED} from old_schools"),
        "select f()",
    ),
    "listed columns on both sides of EXCEPT": (
        counted(f"select {LISTED} from schools except select {LISTED} from old_schools"),
        "select f()",
    ),
    "a row cast to the row type": (body(f"select (row({A_ROW})::schools).code", "text", "sql"), "select f()"),
    "a row out of JSON": (
        body('select (jsonb_populate_record(null::schools, \'{"code": "x"}\')).code', "text", "sql"),
        "select f()",
    ),
    "a loop over all columns": (
        plpgsql("for r in select * from schools loop n := n + 1; end loop; return n", "r record; n bigint := 0;"),
        "select f()",
    ),
    "a function of a row": (
        body("select s.code || s.name", "text", "sql", "s schools"),
        "select max(f(s)) from schools as s",
    ),
    "parsed when it was made": (
        "create function f() returns setof schools language sql begin atomic select * from schools; end;",
        "select count(*) from f()",
    ),
    "listed columns into a row variable": (
        plpgsql("select id, code, name into r from schools order by id limit 1; return r.id", "r schools%rowtype;"),
        "select f()",
    ),
    "whether a row was found": (
        plpgsql(
            "select * into r from schools order by id limit 1; return case when r is not null then r.id else 0 end",
            "r schools;",
        ),
        "select f()",
    ),
    "whether a row or an array of rows was not found": (
        plpgsql(
            "select * into r from schools where id = -1;\n"
            "  return (r is null and a is not null and array(select s from schools as s) is not null)::integer",
            "r schools; a schools[] := '{}';",
        ),
        "select f()",
    ),
    "a table made with listed columns": (
        plpgsql(
            "create temporary table kept (id integer primary key, code text, name text, active boolean, at timestamp);\n"
            "  insert into kept select * from schools; return (select count(*) from kept)"
        ),
        "select f()",
    ),
}
SECOND: dict[str, tuple[str, str]] = {
    "parsed when it was made, a table returned": (
        "create function f() returns table (a integer, b text) language sql begin atomic select id, code from schools; end;",
        "select count(*) from f()",
    ),
    "a constant text that is executed": (
        trigger("execute 'insert into old_schools select ($1).*' using new"),
        INSERT,
    ),
    "all columns on the right of IN": (
        counted(f"select 1 from old_schools where ({LISTED}) in (select * from schools)"),
        "select f()",
    ),
    "a parameter called cms_id, in plpgsql": (
        plpgsql(
            "return (select count(*) from schools where id = cms_id)", arguments="cms_id integer", returns="bigint"
        ),
        "select f(1)",
    ),
    "a parameter called cms_id, in SQL": (
        body("select count(*) from schools where id = cms_id", "bigint", "sql", "cms_id integer"),
        "select f(1)",
    ),
    "a parameter called cms_id, qualified": (
        plpgsql("return (select count(*) from schools where id = f.cms_id)", arguments="cms_id integer"),
        "select f(1)",
    ),
    "another table's cms_id": (
        body("select max(cms_id) from schools join imported on code = school_code", "integer", "sql"),
        "select f()",
    ),
    "a function's cms_id": (
        body(
            "select max(cms_id) from schools join json_to_recordset('[]') as j (code text, cms_id integer) using (code)",
            "integer",
            "sql",
        ),
        "select f()",
    ),
    "another table's cms_id, qualified": (
        body("select max(i.cms_id) from schools join imported as i on code = school_code", "integer", "sql"),
        "select f()",
    ),
    "another table's cms_id, a table away": (
        body(
            "select max(cms_id) from imported where exists (select from schools where code = school_code)",
            "integer",
            "sql",
        ),
        "select f()",
    ),
    "ordered by an output called cms_id": (
        body("select code as cms_id from schools order by cms_id limit 1", "text", "sql"),
        "select f()",
    ),
    "grouped by an output called cms_id": (
        body("select left(code, 1) as cms_id, count(*) from schools group by cms_id", "setof record", "sql"),
        "select count(*) from f() as t (a text, n bigint)",
    ),
    "a natural join of a core table and itself": (
        counted("select * from schools as a natural join schools as b"),
        f"{INSERT}; select f()",
    ),
    "a row returned by plpgsql": (
        plpgsql(f"return row({A_ROW})", returns="schools"),
        "select (f()).code",
    ),
    "a row variable returned by plpgsql": (
        plpgsql("r.code := 'x'; return r", "r schools;", returns="schools"),
        "select (f()).code",
    ),
    "a record of listed columns returned as a row": (
        plpgsql(
            f"for r in select {LISTED} from schools loop return next r; end loop",
            "r record;",
            returns="setof schools",
        ),
        "select count(*) from f()",
    ),
    "a record of all columns returned as a row": (
        plpgsql(
            "open c; loop fetch c into r; exit when not found; return next r; end loop",
            "c cursor for select * from schools; r record;",
            returns="setof schools",
        ),
        "select count(*) from f()",
    ),
    "a view's trigger": (
        "create view listed as select * from schools;"
        + plpgsql("insert into old_schools values (new.*); return new", returns="trigger")
        + "create trigger written instead of insert on listed for each row execute function f();",
        "insert into listed (code, name) values ('NEW', 'New')",
    ),
    "a view's rule": (
        "create view listed as select * from schools;"
        + " create rule written as on insert to listed do instead insert into old_schools values (new.*);",
        "insert into listed (code, name) values ('NEW', 'New')",
    ),
    "columns behind the copied ones": (
        "alter table schools_log alter noted_at set default now();" + trigger("insert into schools_log values (new.*)"),
        INSERT,
    ),
    "copied into a row with a column behind": (
        plpgsql(
            "for r in select s.*, now() from schools as s loop n := n + 1; end loop; return n",
            "r schools_log; n bigint := 0;",
        ),
        "select f()",
    ),
    "copied into a row without": (
        plpgsql(
            "for r in select * from schools loop n := n + r.id; end loop; return n", "r old_schools; n bigint := 0;"
        ),
        "select f()",
    ),
    "a table that has cms_id already, all columns": (
        body("insert into schools_ready select * from schools where code = 'none'", "void", "sql"),
        "select count(*) from schools",
    ),
    "an argument that is a row": (
        "create function label(schools) returns text language sql as 'select $1.code';"
        + body(f"select label(row({A_ROW}))", "text", "sql"),
        "select f()",
    ),
    "out of a table of fewer columns": (
        body("insert into schools select * from old_schools", "void", "sql"),
        "insert into old_schools values (-5, 'NEW', 'New', true, now()); select f()",
    ),
    "into a table of as many columns": (
        body("insert into old_schools select * from schools", "void", "sql"),
        "select f()",
    ),
    "into a temporary table of its own": (
        plpgsql(
            "create temporary table mine as select * from schools; insert into mine select * from schools; return 1"
        ),
        "select f()",
    ),
    "all columns of a function": (
        "create function every() returns setof schools language sql as 'select * from schools';"
        + body("insert into old_schools select * from every()", "void", "sql"),
        "select f()",
    ),
    "an array of rows": (body("select array_agg(s) from schools as s", "schools[]", "sql"), "select cardinality(f())"),
    "an array of rows that are cast": (
        body(f"select array[row({A_ROW})]::schools[]", "schools[]", "sql"),
        "select cardinality(f())",
    ),
    "TABLE ... EXCEPT TABLE": (counted("table schools except table old_schools"), "select f()"),
    "named columns of a common table expression": (
        counted("with s (a, b, c, d, e) as (select * from schools) select a, b from s"),
        "select f()",
    ),
    "new compared with a list": (
        trigger("if (new.*) = (new.id, new.code, new.name, new.is_active, new.created_at) then null; end if"),
        INSERT,
    ),
    "a row variable, written elsewhere": (
        plpgsql("select * into r from schools limit 1; insert into old_schools values (r.*); return 1", "r schools;"),
        "select f()",
    ),
    "a row variable, written back": (
        plpgsql(
            "select * into r from schools order by id desc; r.id := -9; r.code := 'NEW'; insert into schools select r.*; return 1",
            "r schools%rowtype;",
        ),
        "select f()",
    ),
    "only words": (
        trigger(
            "-- insert into schools_log select new.*, now()\n  perform log('insert into schools_log select new.*, now()')"
        ),
        INSERT,
    ),
    "a table of the same name elsewhere": (
        "create schema elsewhere; create table elsewhere.schools (a integer); create table elsewhere.copied (a integer);"
        + body("insert into copied select * from schools", "void", "sql", options="set search_path = elsewhere"),
        "select f()",
    ),
    "a common table expression of the same name": (
        "create table two (a integer, b integer);"
        + body("with schools as (select 1 as a, 2 as b) insert into two select * from schools", "void", "sql"),
        "select f()",
    ),
    "listed columns that INSERT returns": (
        body(f"insert into schools (code, name) values ('NEW', 'New') returning {LISTED}", "schools", "sql"),
        "select (f()).code",
    ),
    "all columns that INSERT returns": (
        body("insert into schools (code, name) values ('NEW', 'New') returning *", "schools", "sql"),
        "select (f()).code",
    ),
    "a transition table": (
        plpgsql("insert into old_schools select * from added; return null", returns="trigger")
        + "create trigger noted after insert on schools referencing new table as added for each statement execute function f();",
        INSERT,
    ),
    "old.* when a row is deleted": (
        f"insert into schools (code, name) values ('GONE', 'Gone');{trigger('insert into old_schools values (old.*)', 'before delete')}",
        "delete from schools where code = 'GONE'",
    ),
    "a name in quotes": (
        'create table "School log" as select *, 1 as "times" from schools with no data;'
        + trigger('insert into "School log" select NEW.*, 1'),
        INSERT,
    ),
    "all columns set at once": (
        plpgsql(
            "update old_schools set (id, code, name, is_active, created_at) = (select s.* from schools as s limit 1); return 1"
        ),
        "insert into old_schools values (1); select f()",
    ),
    "several columns set at once": (
        plpgsql(
            "update schools set (code, name) = (select 'NEW', s.name from schools as s limit 1) where id = -1; return 1"
        ),
        "select f()",
    ),
    "unnamed columns and ON CONFLICT": (
        "alter table old_schools add primary key (id);"
        + trigger("insert into old_schools values (new.*) on conflict (id) do update set name = excluded.name"),
        INSERT,
    ),
    "OUT parameters": (
        body(
            "select * from schools limit 1",
            "record",
            "sql",
            "out a integer, out b text, out c text, out d boolean, out e timestamp",
        ),
        "select a from f()",
    ),
    "whether there is a row": (
        plpgsql("return (select count(*) from schools where exists (select * from schools))"),
        "select f()",
    ),
    "a join with a column in common": (
        "create table marked (id integer, mark text);" + counted("select * from schools join marked using (id)"),
        "select f()",
    ),
}
# Written when the others were found already.
THIRD: dict[str, tuple[str, str]] = {
    "one trigger for two tables": (
        "create table noted (happened text, said jsonb);"
        + trigger("insert into noted values (tg_table_name, to_jsonb(new))")
        + "create trigger noted after update on programs for each row execute function f();",
        INSERT,
    ),
    "one trigger for two tables, with new.*": (
        plpgsql(
            "if tg_table_name = 'schools' then\n    insert into old_schools values (new.*);\n  end if; return null",
            returns="trigger",
        )
        + "create trigger noted after insert on schools for each row execute function f();"
        + "create trigger noted after update on programs for each row execute function f();",
        INSERT,
    ),
    "what is missing there": (
        body(
            "insert into old_schools as o select * from schools as s\n"
            "where not exists (select from old_schools as x where x.id = s.id) on conflict do nothing",
            "void",
            "sql",
        ),
        "select f()",
    ),
    "a table made of a text": (
        plpgsql("execute format('create table %I as table schools', 'copied'); return (select count(*) from copied)"),
        "select f()",
    ),
    "a recursive query of all columns": (
        counted(
            "with recursive t as (select s.* from schools s union all select s.* from schools s join t on false) table t"
        ),
        "select f()",
    ),
    "a recursive query that begins with listed columns": (
        counted(
            f"with recursive t as (select {LISTED} from schools union all select s.* from schools s join t on false) table t"
        ),
        "select f()",
    ),
    "all columns out of LATERAL": (
        counted("select x.* from schools as s cross join lateral (select s.*) as x"),
        "select f()",
    ),
    "all columns of a join, returned as a table": (
        plpgsql(
            "return query select s.*, p.code from schools as s join programs as p on p.school_id = s.id",
            returns="table (a integer, b text, c text, d boolean, e timestamp, f text)",
        ),
        "select count(*) from f()",
    ),
    "all columns of a row, returned as a table": (
        body("select (s).* from schools as s", "table (a integer, b text, c text, d boolean, e timestamp)", "sql"),
        "select count(*) from f()",
    ),
    "JSON of all rows": (
        body("select jsonb_agg(s.*) from schools as s", "jsonb", "sql"),
        "select jsonb_array_length(f())",
    ),
    "new out of JSON": (
        trigger('new := jsonb_populate_record(new, \'{"code": "NEW"}\')', "before insert"),
        f"{INSERT}; select code from schools where code = 'NEW'",
    ),
    "new out of listed columns": (
        plpgsql(
            "select new.id, new.code, upper(new.name), new.is_active, new.created_at into new; return new",
            returns="trigger",
        )
        + "create trigger noted before update on schools for each row execute function f();"
        + "create function has_lost() returns bigint language sql as"
        + " $$ select count(*) from schools as s where to_jsonb(s) ? 'cms_id' and to_jsonb(s) ->> 'cms_id' is null $$;",
        "update schools set name = 'x'; select has_lost()",
    ),
    "a subquery of all columns": (
        body("insert into old_schools select * from (select * from schools) as x", "void", "sql"),
        "select f()",
    ),
    "what UPDATE returns": (
        body(
            "with moved as (update schools set name = name returning *) insert into schools_log select *, now() from moved",
            "void",
            "sql",
        ),
        "select f()",
    ),
    "whole rows, returned": (body("select s from schools as s", "setof schools", "sql"), "select count(*) from f()"),
    "a row that is another's": (
        body("delete from schools using old_schools as o where (schools.*) = (o.*)", "void", "sql"),
        "insert into old_schools select id, code, name, is_active, created_at from schools;"
        " select f(); select count(*) from schools",
    ),
    "a row out of JSON, written elsewhere": (
        body("insert into old_schools select (jsonb_populate_record(null::schools, '{\"id\": 5}')).*", "void", "sql"),
        "select f()",
    ),
    "rows out of JSON, written back": (
        body(
            "insert into schools select * from jsonb_populate_recordset(null::schools, '[]')",
            "void",
            "sql",
        ),
        "select f()",
    ),
    "out of a view": (
        "create view listed as select * from schools;"
        + body("insert into old_schools select * from listed", "void", "sql"),
        "select f()",
    ),
    "all columns as the row of a view": (
        "create view listed as select * from schools;" + body("select * from schools", "setof listed", "sql"),
        "select count(*) from f()",
    ),
    "TABLE, returned": (plpgsql("return query table schools", returns="setof schools"), "select count(*) from f()"),
    "VALUES, returned": (
        plpgsql(f"return query values ({A_ROW})", returns="setof schools"),
        "select count(*) from f()",
    ),
    "a row of a subquery, returned": (
        plpgsql("return (select s from schools as s order by id limit 1)", returns="schools"),
        "select (f()).code",
    ),
    "INTO in front": (
        plpgsql(
            "select into strict r * from schools order by id limit 1;\n"
            "  begin insert into old_schools (id, code) values (r.id, r.code);\n"
            "  exception when unique_violation or check_violation then raise notice '%', r; end;\n"
            "  return r.id",
            "r schools%rowtype;",
        ),
        "select f()",
    ),
    "a constant text that selects": (
        plpgsql("execute 'insert into old_schools select * from schools' ; return 1"),
        "select f()",
    ),
    "a procedure": (
        "create procedure p() language plpgsql as $$\n<<outermost>>\ndeclare r schools; n constant integer := 1;\nbegin\n"
        "  for r in (select * from schools) loop\n    if n = (case when true then 1 else 2 end) then\n"
        "      insert into old_schools select (x).* from (select r as x) as y;\n    end if;\n  end loop;\nend $$;",
        "call p()",
    ),
    "a procedure that merges": (
        "alter table old_schools add primary key (id);"
        " create procedure p() language plpgsql as $$ begin\n"
        " merge into old_schools as o using schools as s on o.id = s.id\n"
        " when matched then update set name = s.name when not matched then insert values (s.*);\nend $$;",
        "call p()",
    ),
    "the same, with columns": (
        "alter table old_schools add primary key (id);"
        " create procedure p() language plpgsql as $$ begin\n"
        " merge into old_schools as o using schools as s on o.id = s.id\n"
        " when not matched then insert (id, code) values (s.id, s.code);\nend $$;",
        "call p()",
    ),
    "a cursor's rows": (
        plpgsql(
            "open c for select * from schools; fetch c into r; insert into old_schools values (r.*); return 1",
            "c refcursor; r schools;",
        ),
        "select f()",
    ),
    "a variable of a column's type": (
        plpgsql(
            "select code into c from schools order by id limit 1; return length(c)", "c schools.code%type; b schools[];"
        ),
        "select f()",
    ),
    "a domain over the row type": (
        "create domain school as schools check ((value).id > 0);"
        + body("select s from schools as s", "setof school", "sql"),
        "select count(*) from f()",
    ),
}
FOURTH: dict[str, tuple[str, str]] = {
    "whether a joined row was found": (
        counted("select 1 from programs as p left join schools as s on p.school_id = s.id where s is not null"),
        "select f()",
    ),
    "whether a row of a subquery was found": (
        plpgsql("return ((select s from schools as s order by id limit 1) is not null)::integer"),
        "select f()",
    ),
    "whether an array was given": (
        body("select ($1 is not null)::integer", "integer", "sql", "schools[]"),
        "select f(array(select s from schools as s))",
    ),
    "whether there are rows here as there": (
        plpgsql("return (exists (select * from schools) = exists (select * from old_schools))::integer"),
        "select f()",
    ),
    "another name for new": (
        trigger("insert into old_schools values (n.*)", declare="n alias for new;"),
        INSERT,
    ),
    "another name for a parameter": (
        plpgsql("insert into old_schools select s.*; return 1", "s alias for $1;", arguments="schools"),
        "select max(f(s)) from schools as s",
    ),
    "a loop over a cursor, returned": (
        plpgsql(
            "for r in c loop return next r; end loop",
            "c cursor for select * from schools;",
            returns="setof old_schools",
        ),
        "select count(*) from f()",
    ),
    "rows of an array that is given": (
        plpgsql("insert into old_schools select * from unnest(a); return 1", arguments="a schools[]"),
        "select f(array(select s from schools as s))",
    ),
    "rows of an array that is declared": (
        plpgsql(
            "insert into old_schools select (a[1]).*; insert into old_schools select * from unnest(a); return 1",
            "a schools[] := array(select s from schools as s);",
        ),
        "select f()",
    ),
    "a row of a subquery into a record": (
        plpgsql("r := (select s from schools as s order by id limit 1); return r", "r record;", returns="old_schools"),
        "select (f()).code",
    ),
    "one of two functions of the same name": (
        body("select s from schools as s", "setof schools", "sql")
        + body("select s from schools as s where id = a", "setof schools", "sql", "a integer")
        + "create function g() returns void language sql as 'insert into old_schools select * from f(1)';",
        "select g()",
    ),
    "two functions of the same name, which return something else": (
        body("select s from schools as s limit 1", "schools", "sql", "integer")
        + body("select s from old_schools as s limit 1", "old_schools", "sql", "text")
        + "create function g() returns void language sql as $$ insert into old_schools select * from f('x') $$;",
        "select g()",
    ),
    "a table made like it, with one more column": (
        plpgsql(
            "create temporary table kept (like schools, note text);\n"
            f"  insert into kept select {LISTED}, 'x' from schools; return 1"
        ),
        "select f()",
    ),
    "the same, with that in front": (
        plpgsql(
            "create temporary table kept (note text, like schools);\n"
            f"  insert into kept select 'x', s.* from schools as s; insert into kept select 'x', {LISTED} from schools;\n"
            "  return 1"
        ),
        "select f()",
    ),
    "a constant text, what it is given, and where its answer goes": (
        plpgsql(
            "execute 'insert into old_schools select ($2).* where $1 returning id' using (1 > 0), s into n; return n",
            "n bigint;",
            arguments="s schools",
        ),
        "select max(f(s)) from schools as s",
    ),
    "a sample": (
        plpgsql("insert into old_schools select * from schools tablesample system (100); return 1"),
        "select f()",
    ),
    "rows that are chosen from several": (
        plpgsql(
            "insert into old_schools select (coalesce(s, case when true then s end)).* from schools as s; return 1"
        ),
        "select f()",
    ),
    "a row that comes before": (
        plpgsql(
            "insert into old_schools select (x.before).* from (select lag(s) over (order by id) as before from schools as s) as x; return 1"
        ),
        "select f()",
    ),
    "a subquery's row, expanded": (
        plpgsql("insert into old_schools select ((select s from schools as s order by id limit 1)).*; return 1"),
        "select f()",
    ),
    "rows that are gathered": (
        plpgsql(
            "insert into old_schools select (x.a[1]).* from (select array_agg(s) as a from schools as s) as x; return 1"
        ),
        "select f()",
    ),
    "subqueries of one value": (
        plpgsql(
            "insert into old_schools select (select max(id) from schools), coalesce((select max(code) from schools), 'x'); return 1"
        ),
        "select f()",
    ),
    "whether arrays of rows, or columns, are there": (
        counted(
            "select 1 from (select array_agg(s) as a, array(select s from schools as s) as b, max(name) as name from schools as s)"
            " as x where a is not null and x.b is not null and x.b[1:1] is not null and x.name is not null"
        ),
        "select f()",
    ),
    "a parameter that is called as a column is": (
        plpgsql("return (select count(*) from schools as s where s.name is not null)", arguments="name schools"),
        "select max(f(s)) from schools as s",
    ),
    "a procedure that is given a row": (
        "create procedure p(s schools) language sql as 'select 1';" + plpgsql(f"call p(row({A_ROW})); return 1"),
        "select f()",
    ),
}

KEPT = "create table kept (school schools, noted_at timestamp);"
SHARED = "if tg_table_name {} then insert into old_schools values (new.*); {} return new"
FIFTH: dict[str, tuple[str, str]] = {
    "a row copied by a variable": (
        plpgsql(
            "select * into r from schools order by id desc limit 1; r.id := 9999; r.code := 'NEW';"
            " insert into schools values (r.*); return 1",
            "r schools;",
        ),
        "select f()",
    ),
    "a row copied by a loop": (
        plpgsql(
            "for r in select * from schools order by id desc loop r.id := 9999 + r.id; r.code := 'NEW';"
            " insert into schools values (r.*); exit; end loop; return 1",
            "r schools;",
        ),
        "select f()",
    ),
    "a row copied where it is not there": (
        body("insert into schools select * from schools on conflict do nothing", "void", "sql"),
        "select f()",
    ),
    "a row written by its fields": (
        plpgsql(
            "r.id := 9999; r.code := 'NEW'; r.name := 'New'; r.is_active := true; insert into schools values (r.*); return 1",
            "r schools;",
        ),
        "select f()",
    ),
    "rows copied into a table like it": (
        plpgsql(
            "create temporary table w (like schools) on commit drop; insert into w select * from schools;"
            " return (select count(*) from w)"
        ),
        "select f()",
    ),
    "a view that compares whole rows": (
        "create view f as select s.id from schools as s join old_schools as o on s.id = o.id where s is distinct from o;"
        " insert into old_schools select * from schools;",
        "select count(*) from f",
    ),
    "a view with a whole row": (
        "create view f as select s as school, s.* from schools as s;",
        "select count((school).code) from f",
    ),
    "a check of a whole row": (
        "alter table schools alter created_at set not null, add constraint full_row check ((schools.*) is not null);",
        INSERT,
    ),
    "a check of named columns": ("alter table schools add constraint named check (code <> name);", INSERT),
    "a trigger that fires for full rows": (
        plpgsql("perform log(new.code); return new", returns="trigger")
        + "create trigger noted after insert on schools for each row when (new.* is not null) execute function f();",
        INSERT + "; select count(*) from imported",
    ),
    "a trigger that fires for changed rows": (
        plpgsql("perform log(new.code); return new", returns="trigger")
        + "create trigger noted after update on schools for each row when (new.* is distinct from old.*)"
        " execute function f();",
        "update schools set name = 'x'; select count(*) from imported",
    ),
    "listed columns into a column of the row type": (
        KEPT + body(f"insert into kept values (row({A_ROW}), now())", "void", "sql"),
        "select f()",
    ),
    "whole rows into a column of the row type": (
        KEPT + body("insert into kept (noted_at, school) select now(), s from schools as s", "void", "sql"),
        "select f()",
    ),
    "all columns of a column of the row type": (
        KEPT + body("insert into old_schools select (k.school).* from kept as k", "void", "sql"),
        "select f()",
    ),
    "one column of a column of the row type": (
        KEPT + body("select count((school).code) from kept", "bigint", "sql"),
        "select f()",
    ),
    "names for all columns and the ordinality": (
        plpgsql(
            "return (select min(n) from unnest(array(select s from schools as s)) with ordinality as u (a, b, c, d, e, n))"
        ),
        "select f()",
    ),
    "names for some of the columns": (
        plpgsql("return (select min(a) from unnest(array(select s from schools as s)) with ordinality as u (a, b))"),
        "select f()",
    ),
    "names for all columns and one more": (
        counted("with q (a, b, c, d, e, n) as (select s.*, 1 from schools as s) select 1 from q where n = 1"),
        "select f()",
    ),
    "all columns of a subquery, grouped by each": (
        counted(f"select q.*, count(*) from (select * from schools) as q group by q.{LISTED.replace(', ', ', q.')}"),
        "select f()",
    ),
    "all columns, grouped by each": (
        counted(f"with schools as (table schools) select *, count(*) from schools group by {LISTED}"),
        "select f()",
    ),
    "all columns, grouped by the key": (
        counted(
            "select s.*, count(*) from schools as s join programs as p on p.school_id = s.id group by s.id, s.code"
        ),
        "select f()",
    ),
    "all columns of two tables, grouped by the keys": (
        counted("select s.*, p.code from schools as s join programs as p on p.school_id = s.id group by s.id, p.id"),
        "select f()",
    ),
    "a trigger of several tables, for another one": (
        trigger(SHARED.format("= 'terms'", "elsif tg_op = 'INSERT' then perform log(new.code); end if;")),
        INSERT,
    ),
    "a trigger of several tables, for this one": (
        trigger(SHARED.format("in ('terms', 'schools') and tg_op = 'INSERT'", "else perform log(new.code); end if;")),
        INSERT,
    ),
    "a trigger of several tables, for all others": (
        trigger(
            "if tg_table_name = 'schools' then case tg_op when 'INSERT' then perform log(new.code); else null; end case;"
            " else insert into old_schools values (new.*); end if; return new"
        ),
        INSERT,
    ),
    "a trigger of several tables, but for another one": (
        trigger(
            "if tg_table_name = 'terms' then null; else insert into old_schools values (new.*); end if; return new"
        ),
        INSERT,
    ),
}

WHOLE = "create type whole as (inner_row schools, note text);"
KINS = "next_of_kins"
NEXT = "nextval('next_of_kins_id_seq')"
LAST = f"id = (select max(id) from {KINS})"
ANOTHER_ID = f"jsonb_build_object('id', {NEXT})"
COPIES = f"(jsonb_populate_record(k, {ANOTHER_ID})).*"
COPIES_BUT_CMS_ID = f"(jsonb_populate_record(k, jsonb_build_object('id', {NEXT}, 'cms_id', null))).*"
A_KIN = f"r {KINS};"
COPY_KIN = f"r.id := {NEXT}; insert into {KINS} values (r.*); return 1"
PARTS = (
    "create table parts (id int not null, code text not null, name text not null, is_active bool not null,"
    " created_at timestamp) partition by range (id);"
)
ATTACH = "alter table parts attach partition x for values from (1) to (99999)"


def kins_trigger(statements: str, when: str = "after update") -> str:
    """A trigger on next_of_kins."""
    made = plpgsql(f"{statements}; return new", returns="trigger")
    return f"{made} create trigger noted {when} on {KINS} for each row execute function f();"


SIXTH: dict[str, tuple[str, str]] = {
    "a record whose columns the caller lists": (
        body("select * from schools", "setof record", "sql")
        + " create function g() returns bigint language sql as $$ select count(*)"
        " from f() as t (a integer, b text, c text, d boolean, e timestamp) $$;",
        "select g()",
    ),
    "a record by plpgsql, listed in a view": (
        plpgsql("return query select s.* from schools as s", returns="setof record")
        + " create view v as select t.a from f() as t (a integer, b text, c text, d boolean, e timestamp);",
        "select count(*) from v",
    ),
    "a record of named columns": (
        body(f"select {LISTED} from schools", "setof record", "sql")
        + " create function g() returns bigint language sql as $$ select count(*)"
        " from rows from (f() as (a integer, b text, c text, d boolean, e timestamp)) as t $$;",
        "select g()",
    ),
    "a domain over a row type": (
        "create domain kept as schools check ((value).code <> '');"
        + plpgsql(f"k := row({A_ROW})::kept; return k.id", "k kept;"),
        "select f()",
    ),
    "a domain over a row type, filled by a star": (
        "create domain kept as schools;"
        + plpgsql("select s.* into k from schools as s limit 1; return k.id", "k schools;"),
        "select f()",
    ),
    "ON CONFLICT sets all columns": (
        "create unique index on old_schools (id);"
        + trigger(
            "insert into old_schools (id) values (new.id) on conflict (id) do update\n"
            "    set (id, code, name, is_active, created_at) = (select new.*)"
        ),
        INSERT + "; " + "update schools set name = name where code = 'NEW'",
    ),
    "ON CONFLICT sets all columns, found": (
        "create unique index on old_schools (id); insert into old_schools (id) select generate_series(1, 10000);"
        + trigger(
            "insert into old_schools (id) values (new.id) on conflict (id) do update\n"
            "    set (id, code, name, is_active, created_at) = (select new.*)"
        ),
        INSERT,
    ),
    "MERGE sets all columns": (
        plpgsql(
            "merge into old_schools as o using schools as t on o.id = t.id when matched then update\n"
            "    set (id, code, name, is_active, created_at) = (select t.*); return 0"
        ),
        "select f()",
    ),
    "a cursor for a constant text": (
        plpgsql(
            "open c for execute 'select * from schools union all select * from old_schools'; fetch c into r; return 0",
            "c refcursor; r record;",
        ),
        "select f()",
    ),
    "a subquery in RAISE": (
        plpgsql(
            f"raise notice '%', (select count(*) from (select * from schools union all select {LISTED} from schools) as q); return 0"
        ),
        "select f()",
    ),
    "a subquery in RAISE USING": (
        plpgsql(
            "raise notice 'x' using detail ="
            f" (select count(*)::text from (select * from schools except select {LISTED} from schools) as q); return 0"
        ),
        "select f()",
    ),
    "a subquery in LIMIT": (
        counted(
            f"select * from schools limit (select count(*) from (select * from schools except select {LISTED} from schools) as q)"
        ),
        "select f()",
    ),
    "a subquery in a subscript": (
        plpgsql(
            f"a[(select count(*)::int from (select * from schools except select {LISTED} from schools) as q) + 1] := 2; return a[1]",
            "a int[];",
        ),
        "select f()",
    ),
    "a subquery in a bound of FOR": (
        plpgsql(
            f"for i in 1 .. (select count(*) from (select * from schools except select {LISTED} from schools) as q)\n"
            "  loop null; end loop; return 0"
        ),
        "select f()",
    ),
    "a subquery in what a cursor takes": (
        plpgsql(
            f"open c(n := (select count(*)::int from (select * from schools except select {LISTED} from schools) as q)); return 0",
            "c cursor (n int) for select n;",
        ),
        "select f()",
    ),
    "grouped by positions behind a star": (
        counted("select q.*, count(*) from (select * from schools) as q group by 1, 2, 3, 4, 5"),
        "select f()",
    ),
    "grouped by the position of the key": (
        counted("select s.*, count(*) from schools as s group by 1"),
        "select f()",
    ),
    "ordered by a position behind a star": (
        "insert into schools (code, name) values ('A', 'z'), ('B', 'y');"
        + body(
            "select code from (select s.*, length(s.name) - s.id from schools as s order by 6, 1 limit 1) as q",
            "text",
            "sql",
        ),
        "select f()",
    ),
    "ordered by a position before it": (
        body("select code from (select s.*, 1 from schools as s order by 2 limit 1) as q", "text", "sql"),
        "select f()",
    ),
    "a row in a row": (
        WHOLE + body(f"select (row(row({A_ROW}), 'x')::whole).note", "text", "sql"),
        "select f()",
    ),
    "a table made unless it is there": (
        plpgsql(
            "create table if not exists old_schools as select * from schools; insert into old_schools select * from schools; return 0"
        ),
        "select f()",
    ),
    "a constant text in a variable": (
        plpgsql("q := 'insert into old_schools'; q := q || ' select * from schools'; execute q; return 0", "q text;"),
        "select f()",
    ),
    "a text that format() makes of constants": (
        plpgsql(
            "execute format('insert into %I select * from %I', 'old_' || t, t); return 0",
            "t constant text := 'schools';",
        ),
        "select f()",
    ),
    "a text with the trigger's table": (
        trigger("execute format('insert into %I values ($1.*)', 'old_' || tg_table_name) using new"),
        INSERT,
    ),
    "a text by the trigger's argument": (
        plpgsql(
            "execute 'insert into ' || quote_ident(tg_argv[0]) || ' values ($1.*)' using new; return null",
            returns="trigger",
        )
        + " create trigger n after insert on schools for each row execute function f('old_schools');",
        INSERT,
    ),
    "joined USING another cms_id": (
        "create table paid (cms_id integer, sum integer); insert into paid select id, 1 from schools;"
        + body(
            "select count(*) from schools join imported on code = school_code join paid using (cms_id)", "bigint", "sql"
        ),
        "select f()",
    ),
    "a view joined USING another cms_id": (
        "create table paid (cms_id integer, sum integer); insert into paid select id, 1 from schools;"
        "create view v as select schools.code, sum from schools join imported on code = school_code join paid using (cms_id);",
        "select count(*) from v",
    ),
    "only for another table, by tg_relid": (
        trigger("if tg_relid = 'imported'::regclass then insert into old_schools select new.*; end if"),
        INSERT,
    ),
    "only for another table, by CASE": (
        trigger(
            "case tg_table_name when 'imported' then insert into old_schools select new.*; when 'schools', 'x' then null; end case"
        ),
        INSERT,
    ),
    "left at once for this table": (
        trigger("if tg_table_name <> 'imported' then return new; end if; insert into old_schools select new.*"),
        INSERT,
    ),
    "left at once for another table": (
        trigger("if tg_table_name <> 'schools' then return new; end if; insert into old_schools select new.*"),
        INSERT,
    ),
    "only with another argument": (
        plpgsql(
            "if tg_nargs > 0 and tg_argv[0] = 'full' then insert into old_schools select new.*; end if; return null",
            returns="trigger",
        )
        + " create trigger n after insert on schools for each row execute function f('short');",
        INSERT,
    ),
    "with this argument": (
        plpgsql(
            "if tg_argv[0] = 'full' then insert into old_schools select new.*; end if; return null", returns="trigger"
        )
        + " create trigger n after insert on schools for each row execute function f('full');",
        INSERT,
    ),
    "only for another operation": (
        trigger("if tg_op = 'DELETE' then insert into old_schools select old.*; return old; end if"),
        INSERT,
    ),
    "for this operation": (
        trigger(
            "if tg_op = 'DELETE' then return old; elsif tg_op in ('INSERT', 'UPDATE') then insert into old_schools select new.*; end if"
        ),
        INSERT,
    ),
    "a variable called cms_id that wins": (
        body(
            "#variable_conflict use_variable\ndeclare cms_id int := 1;\nbegin return (select count(*) from schools where id = cms_id); end"
        ),
        "select f()",
    ),
    "after the end": (
        plpgsql("return 1; insert into old_schools select * from schools"),
        "select f()",
    ),
    "a handler that raises it again": (
        plpgsql(
            "begin insert into old_schools select * from schools; exception when others then raise warning 'x'; raise; end; return 1"
        ),
        "select f()",
    ),
    "a handler for something else": (
        plpgsql(
            "begin insert into old_schools select * from schools; exception when unique_violation or no_data_found then null; end; return 1"
        ),
        "select f()",
    ),
    "rows copied with another id, after others were deleted": (
        plpgsql(f"delete from {KINS} where id = 1; insert into {KINS} select {COPIES} from {KINS} as k; return 1"),
        "select f()",
    ),
    "rows copied with another id and another cms_id": (
        plpgsql(f"insert into {KINS} select {COPIES_BUT_CMS_ID} from {KINS} as k; return 1"),
        "select f()",
    ),
    "a version before, in the same table": (
        kins_trigger(f"old.id := {NEXT}; insert into {KINS} values (old.*)"),
        f"update {KINS} set name = 'x' where {LAST}",
    ),
    "made like it and attached": (
        PARTS + plpgsql(f"create table x (like schools); {ATTACH}; return 1"),
        "select f()",
    ),
    "made like it and inheriting": (
        "create table parent as select * from schools with no data;"
        + plpgsql("create table x as select * from schools; alter table x inherit parent; return 1"),
        "select f()",
    ),
}

SEVENTH: dict[str, tuple[str, str]] = {
    "a table made with another cms_id": (
        plpgsql(
            "create temp table out as select s.*, i.cms_id from schools as s join imported as i on code = school_code; return 1"
        ),
        "select f()",
    ),
    "a record's first cms_id": (
        plpgsql(
            "for r in select s.*, i.cms_id from schools as s join imported as i on code = school_code loop n :="
            " n + coalesce(r.cms_id, -5); end loop; return n",
            "r record; n bigint := 0;",
        ),
        "select f()",
    ),
    "a record's own cms_id": (
        plpgsql(
            "for r in select i.cms_id, s.* from schools as s join imported as i on code = school_code loop n :="
            " n + r.cms_id; end loop; return n",
            "r record; n bigint := 0;",
        ),
        "select f()",
    ),
    "a function written as a column": (
        "create function cms_id(s schools) returns integer language sql as 'select s.id + 100';"
        + body("select max(s.cms_id) from schools as s", "integer", "sql"),
        "select f()",
    ),
    "JSON in which the row's keys win": (
        body(
            "select (jsonb_build_object('cms_id', 7) || to_jsonb(s)) ->> 'cms_id' from schools as s limit 1",
            "text",
            "sql",
        ),
        "select f()",
    ),
    "JSON in which the other's keys win": (
        body(
            "select (to_jsonb(s) || jsonb_build_object('cms_id', 7)) ->> 'cms_id' from schools as s limit 1",
            "text",
            "sql",
        ),
        "select f()",
    ),
    "a view made in place of one": (
        "create view v as select s.*, 1 as one from schools as s;"
        + plpgsql("execute 'create or replace view v as select s.*, 1 as one from schools as s'; return 1"),
        "select f()",
    ),
    "a view made anew": (
        "create view v as select s.*, 1 as one from schools as s;"
        + plpgsql("drop view v; create or replace view v as select s.*, 1 as one from schools as s; return 1"),
        "select f()",
    ),
    "a view to which a column may be added": (
        "create view v as select 1 as one, s.* from schools as s;"
        + plpgsql("create or replace view v as select 1 as one, s.* from schools as s; return 1"),
        "select f()",
    ),
    "fewer variables than columns": (
        plpgsql(
            "select * into a, b, c, d, e from schools limit 1; return a", "a int; b text; c text; d bool; e timestamp;"
        ),
        "select f()",
    ),
    "a row written as a text": (
        body("select ('(7,x,\"y, z\",t,2020-01-01)'::schools).name", "text", "sql"),
        "select f()",
    ),
    "a row among others' rows": (
        "insert into old_schools select * from schools;"
        + counted("select 1 from schools as s where s in (select o from old_schools as o)"),
        "select f()",
    ),
    "a row among an array of others' rows": (
        "insert into old_schools select * from schools;"
        + counted("select 1 from schools as s where s = any (array(select o from old_schools as o))"),
        "select f()",
    ),
    "a table that inherits, united with its parent": (
        "create table young (extra integer) inherits (schools);"
        + counted(
            "select id, code, name, is_active, created_at, cast(null as integer) as extra from schools union all select y.* from young as y"
        ),
        "select f()",
    ),
    "two tables that inherit, united": (
        "create table young () inherits (schools); create table old () inherits (schools);"
        + counted("table young union all table old"),
        "select f()",
    ),
    "deleted rows that are asked for nulls": (
        trigger("if new is not null then insert into old_schools select old.id; end if", "after delete"),
        "insert into schools (code, name) values ('N', 'N'); delete from schools where code = 'N'",
    ),
    "ordered by a position of a union": (
        body(
            "select code from (select s.*, - s.id from schools as s union all select s.*, 0 from schools as s order by 6, 1 limit 1) as q",
            "text",
            "sql",
        ),
        "select f()",
    ),
    "a column of the row type, set": (
        "create table kept (school schools); insert into kept values (null);"
        + plpgsql(f"update kept set school = row({A_ROW}); return 1"),
        "select f()",
    ),
    "a switch that is off": (
        plpgsql(
            "if debug then insert into old_schools select * from schools; end if; return 1",
            "debug constant boolean := false;",
        ),
        "select f()",
    ),
    "an argument among several": (
        plpgsql(
            "if tg_op = any (string_to_array(tg_argv[0], ',')) then insert into old_schools select new.*; end if; return null",
            returns="trigger",
        )
        + " create trigger n after insert on schools for each row execute function f('UPDATE,DELETE');",
        INSERT,
    ),
    "an argument by which nothing is left out": (
        plpgsql(
            "if not tg_op = any (string_to_array(tg_argv[0], ',')) then return null; end if;"
            " insert into old_schools select new.*; return null",
            returns="trigger",
        )
        + " create trigger n after insert on schools for each row execute function f('INSERT,DELETE');",
        INSERT,
    ),
    "either of two records": (
        trigger("insert into old_schools select (coalesce(new, old)).*", "after delete"),
        "insert into schools (code, name) values ('N', 'N'); delete from schools where code = 'N'",
    ),
    "a loop that is left at once": (
        plpgsql("loop exit; insert into old_schools select * from schools; end loop; return 1"),
        "select f()",
    ),
    "raised again by a name": (
        plpgsql(
            "begin insert into old_schools select * from schools;"
            " exception when syntax_error then raise exception 'no: %', sqlerrm; end; return 1"
        ),
        "select f()",
    ),
    "an array of rows that is asked for nulls": (
        plpgsql("return (a is not null)::integer", "a schools[] := array(select s from schools s);"),
        "select f()",
    ),
    "a function that gives rows and more": (
        "create function g() returns table (s schools, n bigint) language sql as 'select s, 1::bigint from schools s';"
        + plpgsql("insert into old_schools select (x.s).* from g() as x; return 1"),
        "select f()",
    ),
    "an argument by its name that is a row": (
        "create function g(n int, s schools) returns int language sql as 'select n';"
        + plpgsql(f"return g(s => ({A_ROW}), n => 1)"),
        "select f()",
    ),
    "rows into a table that inherits": (
        "create table young () inherits (schools);" + plpgsql("insert into young select * from schools; return 1"),
        "select f()",
    ),
    "a table that is made for the time": (
        plpgsql(
            "create temp table schools on commit drop as select id, code, name, is_active, created_at from"
            " public.schools; insert into old_schools select * from schools; return 1"
        ),
        "select f()",
    ),
    "what a condition decides": (
        plpgsql(
            "if (select count(*) from schools) > 0 then insert into old_schools select * from schools; end if; return 1"
        ),
        "select f()",
    ),
    "what is left to do after a condition": (
        plpgsql(
            "perform 1 where now() is null; if found then return 1; end if;"
            " insert into old_schools select * from schools; return 1"
        ),
        "select f()",
    ),
    "a text that a condition changes": (
        plpgsql(
            "if now() > '2000-01-01' then q := 'insert into old_schools select * from schools'; execute q; end if; return 1",
            "q text := 'select 1';",
        ),
        "select f()",
    ),
    "a branch of CASE, with an option in front": (
        body(
            "-- which way\n#variable_conflict use_column\nbegin\n  case n\n"
            "    when 1, 2 then insert into old_schools select * from schools;\n    else null;\n  end case;\n"
            "  if n = any (array[1, 2]) then return n; end if;\n"
            "  foreach n in array array[3, 4] loop return n; end loop;\nend",
            arguments="n integer",
        ),
        "select f(1)",
    ),
    "a column that is added once more": (
        plpgsql("create temp table checked as select * from schools; alter table checked add cms_id integer; return 1"),
        "select f()",
    ),
    "a column that is added where it is missing": (
        plpgsql(
            "create temp table checked as select * from schools; alter table checked add if not exists cms_id integer; return 1"
        ),
        "select f()",
    ),
    "a variable behind the columns of a table": (
        plpgsql(
            "for a, b, c, d, e, n in select s.*, 7 from schools as s order by id limit 1 loop return n; end loop",
            "a int; b text; c text; d bool; e timestamp; n bigint;",
        ),
        "select f()",
    ),
    "rows put back where they were": (
        plpgsql(
            "create temp table kept_kins as select * from next_of_kins; delete from next_of_kins;"
            " insert into next_of_kins select * from kept_kins; truncate next_of_kins;"
            " insert into next_of_kins select * from kept_kins; return 1"
        ),
        "select f()",
    ),
}
# What a handler may cope with, or what depends on what is done with the answer.
EIGHTH: dict[str, tuple[str, str]] = {
    "a row of a function, copied": (
        f"create function g() returns {KINS} language sql as 'select * from {KINS} where {LAST}';"
        + plpgsql(f"r := g(); {COPY_KIN}", A_KIN),
        "select f()",
    ),
    "a row that a function makes": (
        f"create function g() returns {KINS} language plpgsql as $$ declare r {KINS}; begin select std_no, name, relationship"
        f" into r.std_no, r.name, r.relationship from {KINS} limit 1; return r; end $$;"
        + plpgsql(f"r := g(); {COPY_KIN}", A_KIN),
        "select f()",
    ),
    "JSON of a row, copied": (
        plpgsql(
            f"insert into {KINS} select (jsonb_populate_record(null::{KINS}, row_to_json(k)::jsonb || {ANOTHER_ID})).*"
            f" from {KINS} as k; return 1"
        ),
        "select f()",
    ),
    "copied, where nothing is in the way": (
        plpgsql(
            f"insert into {KINS} select {COPIES} from {KINS} as k on conflict do nothing; get diagnostics n = row_count;"
            " return n",
            "n bigint;",
        ),
        "select f()",
    ),
    "written over by itself": (
        plpgsql(
            f'insert into {KINS} select (jsonb_populate_record(k, \'{{"name": "x"}}\')).* from {KINS} as k'
            " on conflict (id) do update set name = excluded.name; return 1"
        ),
        "select f()",
    ),
    "JSON of a row but for cms_id": (
        plpgsql(
            f"insert into {KINS} select (jsonb_populate_record(null::{KINS}, to_jsonb(k) - 'cms_id' || {ANOTHER_ID})).*"
            f" from {KINS} as k; return 1"
        ),
        "select f()",
    ),
    "JSON of a row in a variable": (
        plpgsql(
            f"select jsonb_set(to_jsonb(k), '{{id}}', to_jsonb({NEXT})) into j from {KINS} as k where {LAST};"
            f" insert into {KINS} select * from jsonb_populate_record(null::{KINS}, j); return 1",
            "j jsonb;",
        ),
        "select f()",
    ),
    "JSON of several rows": (
        plpgsql(
            f"insert into {KINS} select * from jsonb_populate_recordset(null::{KINS},"
            f" (select jsonb_agg(to_jsonb(k) || {ANOTHER_ID}) from {KINS} as k)); return 1"
        ),
        "select f()",
    ),
    "a version in place of the row": (
        kins_trigger(
            f"if new.name = old.name then return new; end if; delete from {KINS} where id = old.id; new.id := {NEXT};"
            f" insert into {KINS} select new.*; new := null",
            "before update",
        ),
        f"update {KINS} set name = 'x' where {LAST}",
    ),
    "an array of rows, copied": (
        plpgsql(
            f"select array_agg(k order by id desc) into a from {KINS} as k; foreach r in array a loop {COPY_KIN}; end loop",
            f"a {KINS}[]; {A_KIN}",
        ),
        "select f()",
    ),
    "a row that was changed, copied": (
        plpgsql(f"update {KINS} set name = 'x' where {LAST} returning * into r; {COPY_KIN}", A_KIN),
        "select f()",
    ),
    "a row that was deleted, put back": (
        plpgsql(f"select * into r from {KINS} where {LAST}; delete from {KINS} where id = r.id; {COPY_KIN}", A_KIN),
        "select f()",
    ),
    "a row variable, filled anew": (
        plpgsql(
            f"select * into r from {KINS} where {LAST}; s := r.std_no; select 1, s, 'x', relationship into r from {KINS}"
            f" limit 1; {COPY_KIN}",
            f"s bigint; {A_KIN}",
        ),
        "select f()",
    ),
    "rows merged into their table": (
        plpgsql(
            f"create temp table t as select * from {KINS}; merge into {KINS} as k using t on k.id = t.id when matched then"
            " update set name = 'x' when not matched then insert values (t.*); return 1"
        ),
        "select f()",
    ),
    "rows of a child, moved to the parent": (
        f"create table young () inherits ({KINS});"
        + plpgsql(f"insert into {KINS} select * from young; delete from young; return 1"),
        "select f()",
    ),
    "made by a constant text and attached": (
        PARTS
        + plpgsql(
            "execute format('create table %I (like schools)', 'x');"
            " execute format('alter table parts attach partition %I for values from (1) to (99999)', 'x'); return 1"
        ),
        "select f()",
    ),
    "made like the parent and attached": (
        PARTS + plpgsql(f"create table x (like parts); insert into x select {LISTED} from schools; {ATTACH}; return 1"),
        "select f()",
    ),
    "attached to what is made as well": (
        plpgsql(
            f"create table parts (like schools) partition by range (id); create table x (like schools); {ATTACH}; return 1"
        ),
        "select f()",
    ),
    "a fixed table that gets a core one as parent": (
        "create table child (like schools);" + plpgsql("alter table child inherit schools; return 1"),
        "select f()",
    ),
    "a table that is made to inherit, filled": (
        plpgsql(
            f"create table x (extra text) inherits (schools); insert into x select {LISTED}, 'x' from schools; return 1"
        ),
        "select f()",
    ),
    "a partition that is made, filled": (
        PARTS
        + plpgsql(
            "create table x partition of parts for values from (1) to (99999); insert into x select * from schools; return 1"
        ),
        "select f()",
    ),
    "a table that is made, with a column less": (
        "create table four as select id, code, name, is_active from schools with no data;"
        + plpgsql(
            "create temp table x as select * from schools; alter table x drop created_at; insert into four select * from x;"
            " return 1"
        ),
        "select f()",
    ),
    "a table that is made, with a column more": (
        plpgsql(
            "create temp table x (like schools); alter table x add noted_at timestamp; insert into x select s.*, now() from"
            " schools as s; return 1"
        ),
        "select f()",
    ),
    "a table that is made, by another name": (
        "create schema other;"
        + plpgsql(
            "create table x as select * from schools; alter table x rename to y; alter table y set schema other;"
            " insert into old_schools select * from other.y; return 1"
        ),
        "select f()",
    ),
    "rows of VALUES": (
        plpgsql(
            "select * into r from schools limit 1; return (select count(*) from (values (r.*), (8, 'x', 'y', true, null)) as v)",
            "r schools;",
        ),
        "select f()",
    ),
    "a statement that is explained": (
        plpgsql(
            "for t in explain insert into old_schools select * from schools loop null; end loop; return 1", "t text;"
        ),
        "select f()",
    ),
    "a variable with the function's name": (
        plpgsql("insert into old_schools select (f.s).*; return 1", arguments="s schools"),
        "select f(s) from schools as s limit 1",
    ),
    "an OUT parameter that is a row": (
        body(
            "begin select * into r from schools limit 1; insert into old_schools values (r.*); end",
            "schools",
            arguments="out r schools",
        ),
        "select (f()).id",
    ),
    "a function of any row": (
        "create function g(anyarray) returns anyelement language sql as 'select $1[1]';"
        + plpgsql("insert into old_schools select (g(array_agg(s))).* from schools as s; return 1"),
        "select f()",
    ),
    "compared with all rows": (
        plpgsql(f"return (({A_ROW}) <> all (select * from schools))::int"),
        "select f()",
    ),
    "between two rows": (
        "insert into old_schools select * from schools;"
        + counted(
            "select 1 from schools as s join old_schools as o using (id) where row(s.*) between row(o.*) and row(o.*)"
        ),
        "select f()",
    ),
    "a policy of full rows": (
        "alter table schools enable row level security; alter table schools force row level security;"
        " create policy full_rows on schools using (schools is not null);",
        "select count(*) from schools",
    ),
    "a policy of named columns": (
        "alter table schools enable row level security; alter table schools force row level security;"
        " create policy named on schools using (id is not null) with check (code <> '');",
        "select count(*) from schools",
    ),
    "a view that is made and replaced": (
        plpgsql(
            f"create view v as select * from schools; create or replace view v as select {LISTED}, 1 as one from schools; return 1"
        ),
        "select f()",
    ),
}
MAY: dict[str, tuple[str, str]] = {
    "a handler that copes": (
        plpgsql("begin insert into old_schools select * from schools; exception when others then null; end; return 1"),
        "select f()",
    ),
    "a text that is read as a row": (
        plpgsql("perform ('(' || line || ')')::schools; return 1", "line text := '1,A,B,t,2026-01-01';"),
        "select f()",
    ),
    "the keys of a row": (
        plpgsql(
            "j := to_jsonb(new); perform log(k) from jsonb_object_keys(j) as k; return null",
            "j jsonb;",
            returns="trigger",
        )
        + " create trigger n after insert on schools for each row execute function f();",
        INSERT,
    ),
    "the text of a row": (
        body("select md5(string_agg(s::text, '' order by id)) from schools as s", "text", "sql"),
        "select f()",
    ),
    "a row in a text": (
        body("select md5(string_agg(concat_ws('|', s.*), '' order by id)) from schools as s", "text", "sql"),
        "select f()",
    ),
    "a row as JSON, compared": (
        "create table said as select s.id, to_jsonb(s) as school from schools as s;"
        + counted("select 1 from schools as s join said using (id) where to_jsonb(s) = school"),
        "select f()",
    ),
    "two rows as JSON, compared": (
        counted(f"select from {KINS} as a, {KINS} as b where a.id < b.id and to_jsonb(a) - 'id' = to_jsonb(b) - 'id'"),
        "select f()",
    ),
    "a record that nobody asks for": (body("select * from schools", "setof record", "sql"), "select 1"),
    "a trigger function without a trigger": (
        plpgsql("insert into old_schools select * from schools; return null", returns="trigger"),
        "select 1",
    ),
}
