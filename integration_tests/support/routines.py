"""Functions and triggers as applications have them, each with a call: some do not survive a further column, some do.

Which do is not written here: the test calls each on a server, before a plain ADD COLUMN and after it.

A line is a case: its name | what makes it | what calls it; the indented lines go on. What makes it are statements with
` ;; ` between them. What calls it is left out where it is `select f()`, or an INSERT for a trigger. Short are:

    f(<arguments>) returns <type>: <text>   the function f, in plpgsql where it has a BEGIN, whose END is left out
    begin <statements>                      the same without arguments, of a bigint; DECLARE may be in front
    count: <query>                          the same, which counts the rows of a query
    after insert: <statements>              a trigger on schools, or on what is named, which returns its row
    after insert f('x'): <statements>       the same, with arguments
    :listed                                 what stands in VARIABLES
"""

from __future__ import annotations

import re

PRELUDE = """
create table old_schools as select * from schools with no data;
create table schools_log as select s.*, now() as noted_at from schools as s with no data;
create table schools_ready as select s.*, 0 as cms_id from schools as s with no data;
create table imported (cms_id integer, school_code text);
insert into imported select id, code from schools;
create function log(text) returns void language sql as $$ insert into imported (school_code) values ($1) $$;
"""
VARIABLES = {
    "listed": "id, code, name, is_active, created_at",
    "a_row": "7, 'x'::text, 'y'::text, true, localtimestamp::timestamp",
    "insert": "insert into schools (code, name) values ('NEW', 'New')",
    "typed": "a integer, b text, c text, d boolean, e timestamp",
    "next": "nextval('next_of_kins_id_seq')",
    "last": "id = (select max(id) from next_of_kins)",
    "another_id": "jsonb_build_object('id', nextval('next_of_kins_id_seq'))",
    "copies": "(jsonb_populate_record(k, jsonb_build_object('id', nextval('next_of_kins_id_seq')))).*",
    "copy_kin": "r.id := nextval('next_of_kins_id_seq'); insert into next_of_kins values (r.*); return 1",
    "parts": (
        "create table parts (id int not null, code text not null, name text not null, is_active bool not null, cre"
        "ated_at timestamp) partition by range (id)"
    ),
    "attach": "alter table parts attach partition x for values from (1) to (99999)",
    "rows": "select count(*) from f()",
    "kept": "create table kept (school schools, noted_at timestamp)",
}


def _function(arguments: str, returns: str, text: str) -> str:
    """The statement that makes the function `f`."""
    language = "sql"
    if re.match("begin|declare|#|--", text):
        language, text = "plpgsql", text.replace("begin", "\nbegin\n ", 1) + ";\nend"
    return f"create function f({arguments}) returns {returns} language {language} as $body$\n{text}\n$body$"


def _statement(short: str) -> str:
    """A statement, written out."""
    if found := re.fullmatch(r"f\((.*?)\)\sreturns\s([^:]*):\s(.*)", short, re.DOTALL):
        return _function(*found.groups())
    if found := re.fullmatch(r"((?:before|after|instead of)\s\w+)(\son\s\w+)?(\sf\([^:]*\))?:\s(.*)", short, re.DOTALL):
        when, table, call, text = found.groups()
        text = text if text.startswith("declare") else f"begin\n{text}"
        text += "" if re.search(r"(?:^|;\s)return\s[^;]+$", text) else "; return coalesce(new, old)"
        fires = f"{when}{table or ' on schools'} for each row execute function {call or 'f()'}"
        return f"{_function('', 'trigger', text)}; create trigger noted {fires}"
    if short.startswith("count:"):
        short = f"begin return (select count(*) from ({short[6:]}) as counted)"
    return _function("", "bigint", short) if re.match("begin|declare|#|--", short) else short


def _cases(table: str) -> dict[str, tuple[str, str]]:
    """What makes each case and what calls it, by its name."""
    found = {}
    for variable, value in VARIABLES.items():
        table = re.sub(rf"(?<!:):{variable}\b", value, table)
    for case in re.split(r"\n(?! )", table.strip()):
        name, made, *called = re.split(r"\s\|\s", re.sub("\n +", "\n", case))
        statements = [_statement(short) for short in re.split(r"\s;;\s", made)]
        call = VARIABLES["insert"] if "create trigger noted" in statements[-1] else "select f()"
        found[name] = "; ".join(statements) + ";", called[0] if called else call
    return found


FIRST = _cases(r"""
listed columns, returned as rows by plpgsql | f() returns setof schools: begin return query select :listed from schools
    | :rows
listed columns, returned as rows by SQL | f() returns setof schools: select :listed from schools | :rows
all columns, returned as rows by SQL | f() returns setof schools: select * from schools | :rows
all columns, returned as rows by plpgsql | f() returns setof schools: begin return query select s.* from schools as s
    where s.is_active | :rows
history of new.* and the time | after insert: insert into schools_log select new.*, now()
history of named columns | after insert: insert into schools_log (id, code, name) values (new.id, new.code, new.name)
history as JSON | create table history (said jsonb) ;; after insert: insert into history values (to_jsonb(new)),
    (to_jsonb(old))
archive of deleted rows | f() returns void: with gone as (delete from schools where code = 'NEW' returning *) insert
    into old_schools select * from gone
a table that has cms_id already | after insert: insert into schools_ready (id, code, name) select new.id, 'a', 'b'
RETURNS TABLE of all columns | f() returns table (:typed): begin return query select * from schools | :rows
RETURNS TABLE of listed columns | f() returns table (:typed): begin return query select :listed from schools | :rows
new compared with old | before update: if new.* is distinct from old.* or row(new.*) <> row(old.*) or new <> old then
    new.created_at := '2000-01-01'; end if | update schools set name = 'x'
a union with listed columns | count: select * from schools union all select :listed from old_schools
listed columns on both sides of EXCEPT | count: select :listed from schools except select :listed from old_schools
a row cast to the row type | f() returns text: select (row(:a_row)::schools).code
a row out of JSON | f() returns text: select (jsonb_populate_record(null::schools, '{"code": "x"}')).code
a loop over all columns | declare r record; n bigint := 0; begin for r in select * from schools loop n := n + 1; end
    loop; return n
a function of a row | f(s schools) returns text: select s.code || s.name | select max(f(s)) from schools as s
parsed when it was made | create function f() returns setof schools language sql begin atomic select * from schools;
    end | :rows
listed columns into a row variable | declare r schools%rowtype; begin select id, code, name into r from schools order
    by id limit 1; return r.id
whether a row was found | declare r schools; begin select * into r from schools order by id limit 1; return case when r
    is not null then r.id else 0 end
whether a row or an array of rows was not found | declare r schools; a schools[] := '{}'; begin select * into r from
    schools where id = -1; return (r is null and a is not null and array(select s from schools as s) is not
    null)::integer
a table made with listed columns | begin create temporary table kept (id integer primary key, code text, name text,
    active boolean, at timestamp); insert into kept select * from schools; return (select count(*) from kept)
a row copied by a variable | declare r schools; begin select * into r from schools order by id desc limit 1; r.id :=
    9999; r.code := 'NEW'; insert into schools values (r.*); return 1
""")
COME_TO = _cases(r"""
a record whose columns the caller lists | f() returns setof record: select * from schools ;; create function g()
    returns bigint language sql as $$ :rows as t (:typed) $$ | select g()
a record by plpgsql, listed in a view | f() returns setof record: begin return query select s.* from schools as s ;;
    create view v as select t.a from f() as t (:typed) | select count(*) from v
a record of named columns | f() returns setof record: select :listed from schools ;; create function g() returns bigint
    language sql as $$ select count(*) from rows from (f() as (:typed)) as t $$ | select g()
a domain over a row type | create domain kept as schools check ((value).code <> '') ;; declare k kept; begin k :=
    row(:a_row)::kept; return k.id
a domain over a row type, filled by a star | create domain kept as schools ;; declare k schools; begin select s.* into
    k from schools as s limit 1; return k.id
ON CONFLICT sets all columns | create unique index on old_schools (id) ;; after insert: insert into old_schools (id)
    values (new.id) on conflict (id) do update set (:listed) = (select new.*)
    | :insert; update schools set name = name where code = 'NEW'
ON CONFLICT sets all columns, found | create unique index on old_schools (id); insert into old_schools (id) select
    generate_series(1, 10000) ;; after insert: insert into old_schools (id) values (new.id) on conflict (id) do update
    set (:listed) = (select new.*)
MERGE sets all columns | begin merge into old_schools as o using schools as t on o.id = t.id when matched then update
    set (:listed) = (select t.*); return 0
a cursor for a constant text | declare c refcursor; r record; begin open c for execute 'select * from schools union all
    select * from old_schools'; fetch c into r; return 0
a subquery in RAISE | begin raise notice '%', (select count(*) from (select * from schools union all select :listed
    from schools) as q); return 0
a subquery in RAISE USING | begin raise notice 'x' using detail = (select count(*)::text from (select * from schools
    except select :listed from schools) as q); return 0
a subquery in LIMIT | count: select * from schools limit (select count(*) from (select * from schools except select
    :listed from schools) as q)
a subquery in a subscript | declare a int[]; begin a[(select count(*)::int from (select * from schools except select
    :listed from schools) as q) + 1] := 2; return a[1]
a subquery in a bound of FOR | begin for i in 1 .. (select count(*) from (select * from schools except select :listed
    from schools) as q) loop null; end loop; return 0
a subquery in what a cursor takes | declare c cursor (n int) for select n; begin open c(n := (select count(*)::int from
    (select * from schools except select :listed from schools) as q)); return 0
grouped by positions behind a star | count: select q.*, count(*) from (select * from schools) as q group by 1, 2, 3, 4,
    5
grouped by the position of the key | count: select s.*, count(*) from schools as s group by 1
ordered by a position behind a star | insert into schools (code, name) values ('A', 'z'), ('B', 'y') ;; f() returns
    text: select code from (select s.*, length(s.name) - s.id from schools as s order by 6, 1 limit 1) as q
ordered by a position before it | f() returns text: select code from (select s.*, 1 from schools as s order by 2 limit
    1) as q
a row in a row | create type whole as (inner_row schools, note text) ;; f() returns text: select (row(row(:a_row),
    'x')::whole).note
a table made unless it is there | begin create table if not exists old_schools as select * from schools; insert into
    old_schools select * from schools; return 0
a constant text in a variable | declare q text; begin q := 'insert into old_schools'; q := q || ' select * from
    schools'; execute q; return 0
a text that format() makes of constants | declare t constant text := 'schools'; begin execute format('insert into %I
    select * from %I', 'old_' || t, t); return 0
a text with the trigger's table | after insert: execute format('insert into %I values ($1.*)', 'old_' || tg_table_name)
    using new
a text by the trigger's argument | after insert f('old_schools'): execute 'insert into ' || quote_ident(tg_argv[0]) ||
    ' values ($1.*)' using new; return null
joined USING another cms_id | create table paid (cms_id integer, sum integer); insert into paid select id, 1 from
    schools ;; f() returns bigint: select count(*) from schools join imported on code = school_code join paid using
    (cms_id)
a view joined USING another cms_id | create table paid (cms_id integer, sum integer); insert into paid select id, 1
    from schools;create view v as select schools.code, sum from schools join imported on code = school_code join paid
    using (cms_id) | select count(*) from v
only for another table, by tg_relid | after insert: if tg_relid = 'imported'::regclass then insert into old_schools
    select new.*; end if
only for another table, by CASE | after insert: case tg_table_name when 'imported' then insert into old_schools select
    new.*; when 'schools', 'x' then null; end case
left at once for this table | after insert: if tg_table_name <> 'imported' then return new; end if; insert into
    old_schools select new.*
left at once for another table | after insert: if tg_table_name <> 'schools' then return new; end if; insert into
    old_schools select new.*
only with another argument | after insert f('short'): if tg_nargs > 0 and tg_argv[0] = 'full' then insert into
    old_schools select new.*; end if; return null
with this argument | after insert f('full'): if tg_argv[0] = 'full' then insert into old_schools select new.*; end if;
    return null
only for another operation | after insert: if tg_op = 'DELETE' then insert into old_schools select old.*; return old;
    end if
for this operation | after insert: if tg_op = 'DELETE' then return old; elsif tg_op in ('INSERT', 'UPDATE') then insert
    into old_schools select new.*; end if
a variable called cms_id that wins | f() returns bigint: #variable_conflict use_variable
    declare cms_id int := 1;
    begin return (select count(*) from schools where id = cms_id)
after the end | begin return 1; insert into old_schools select * from schools
a handler that raises it again | begin begin insert into old_schools select * from schools; exception when others then
    raise warning 'x'; raise; end; return 1
a handler for something else | begin begin insert into old_schools select * from schools; exception when
    unique_violation or no_data_found then null; end; return 1
rows copied with another id, after others were deleted | begin delete from next_of_kins where id = 1; insert into
    next_of_kins select :copies from next_of_kins as k; return 1
rows copied with another id and another cms_id | begin insert into next_of_kins select (jsonb_populate_record(k,
    jsonb_build_object('id', :next, 'cms_id', null))).* from next_of_kins as k; return 1
a version before, in the same table | after update on next_of_kins: old.id := :next; insert into next_of_kins values
    (old.*) | update next_of_kins set name = 'x' where :last
made like it and attached | :parts ;; begin create table x (like schools); :attach; return 1
made like it and inheriting | create table parent as select * from schools with no data ;; begin create table x as
    select * from schools; alter table x inherit parent; return 1
""")
MEANT = _cases(r"""
a table made with another cms_id | begin create temp table out as select s.*, i.cms_id from schools as s join imported
    as i on code = school_code; return 1
a record's first cms_id | declare r record; n bigint := 0; begin for r in select s.*, i.cms_id from schools as s join
    imported as i on code = school_code loop n := n + coalesce(r.cms_id, -5); end loop; return n
a record's own cms_id | declare r record; n bigint := 0; begin for r in select i.cms_id, s.* from schools as s join
    imported as i on code = school_code loop n := n + r.cms_id; end loop; return n
a function written as a column | create function cms_id(s schools) returns integer language sql as 'select s.id + 100'
    ;; f() returns integer: select max(s.cms_id) from schools as s
JSON in which the row's keys win | f() returns text: select (jsonb_build_object('cms_id', 7) || to_jsonb(s)) ->>
    'cms_id' from schools as s limit 1
JSON in which the other's keys win | f() returns text: select (to_jsonb(s) || jsonb_build_object('cms_id', 7)) ->>
    'cms_id' from schools as s limit 1
a view made in place of one | create view v as select s.*, 1 as one from schools as s ;; begin execute 'create or
    replace view v as select s.*, 1 as one from schools as s'; return 1
a view made anew | create view v as select s.*, 1 as one from schools as s ;; begin drop view v; create or replace view
    v as select s.*, 1 as one from schools as s; return 1
a view to which a column may be added | create view v as select 1 as one, s.* from schools as s ;; begin create or
    replace view v as select 1 as one, s.* from schools as s; return 1
fewer variables than columns | declare a int; b text; c text; d bool; e timestamp; begin select * into a, b, c, d, e
    from schools limit 1; return a
a row written as a text | f() returns text: select ('(7,x,"y, z",t,2020-01-01)'::schools).name
a row among others' rows | insert into old_schools select * from schools ;; count: select 1 from schools as s where s
    in (select o from old_schools as o)
a row among an array of others' rows | insert into old_schools select * from schools ;; count: select 1 from schools as
    s where s = any (array(select o from old_schools as o))
a table that inherits, united with its parent | create table young (extra integer) inherits (schools) ;; count: select
    :listed, cast(null as integer) as extra from schools union all select y.* from young as y
two tables that inherit, united | create table young () inherits (schools); create table old () inherits (schools) ;;
    count: table young union all table old
deleted rows that are asked for nulls | after delete: if new is not null then insert into old_schools select old.id;
    end if | insert into schools (code, name) values ('N', 'N'); delete from schools where code = 'N'
ordered by a position of a union | f() returns text: select code from (select s.*, - s.id from schools as s union all
    select s.*, 0 from schools as s order by 6, 1 limit 1) as q
a column of the row type, set | create table kept (school schools); insert into kept values (null) ;; begin update kept
    set school = row(:a_row); return 1
a switch that is off | declare debug constant boolean := false; begin if debug then insert into old_schools select *
    from schools; end if; return 1
an argument among several | after insert f('UPDATE,DELETE'): if tg_op = any (string_to_array(tg_argv[0], ',')) then
    insert into old_schools select new.*; end if; return null
an argument by which nothing is left out | after insert f('INSERT,DELETE'): if not tg_op = any
    (string_to_array(tg_argv[0], ',')) then return null; end if; insert into old_schools select new.*; return null
either of two records | after delete: insert into old_schools select (coalesce(new, old)).*
    | insert into schools (code, name) values ('N', 'N'); delete from schools where code = 'N'
a loop that is left at once | begin loop exit; insert into old_schools select * from schools; end loop; return 1
raised again by a name | begin begin
    insert into old_schools select * from schools; exception when syntax_error then raise exception 'no: %', sqlerrm;
    end; return 1
an array of rows that is asked for nulls | declare a schools[] := array(select s from schools s); begin return (a is
    not null)::integer
a function that gives rows and more | create function g() returns table (s schools, n bigint) language sql as 'select
    s, 1::bigint from schools s' ;; begin insert into old_schools select (x.s).* from g() as x; return 1
an argument by its name that is a row | create function g(n int, s schools) returns int language sql as 'select n' ;;
    begin return g(s => (:a_row), n => 1)
rows into a table that inherits | create table young () inherits (schools) ;; begin insert into young select * from
    schools; return 1
a table that is made for the time | begin create temp table schools on commit drop as select :listed from
    public.schools; insert into old_schools select * from schools; return 1
what a condition decides | begin if (select count(*) from schools) > 0 then insert into old_schools select * from
    schools; end if; return 1
what is left to do after a condition | begin perform 1 where now() is null; if found then return 1; end if; insert into
    old_schools select * from schools; return 1
a text that a condition changes | declare q text := 'select 1'; begin if now() > '2000-01-01' then q := 'insert into
    old_schools select * from schools'; execute q; end if; return 1
a branch of CASE, with an option in front | f(n integer) returns bigint: -- which way
    #variable_conflict use_column
    begin
    case n
    when 1, 2 then insert into old_schools select * from schools;
    else null;
    end case;
    if n = any (array[1, 2]) then return n; end if;
    foreach n in array array[3, 4] loop return n; end loop | select f(1)
a column that is added once more | begin create temp table checked as select * from schools; alter table checked add
    cms_id integer; return 1
a column that is added where it is missing | begin create temp table checked as select * from schools; alter table
    checked add if not exists cms_id integer; return 1
a variable behind the columns of a table | declare a int; b text; c text; d bool; e timestamp; n bigint; begin for a,
    b, c, d, e, n in select s.*, 7 from schools as s order by id limit 1 loop return n; end loop
rows put back where they were | begin create temp table kept_kins as select * from next_of_kins; delete from
    next_of_kins; insert into next_of_kins select * from kept_kins; truncate next_of_kins; insert into next_of_kins
    select * from kept_kins; return 1
""")
COPIED = _cases(r"""
a row copied by a loop | declare r schools; begin for r in select * from schools order by id desc loop r.id := 9999 +
    r.id; r.code := 'NEW'; insert into schools values (r.*); exit; end loop; return 1
a row copied where it is not there | f() returns void: insert into schools select * from schools on conflict do nothing
a row written by its fields | declare r schools; begin r.id := 9999; r.code := 'NEW'; r.name := 'New'; r.is_active :=
    true; insert into schools values (r.*); return 1
rows copied into a table like it | begin create temporary table w (like schools) on commit drop; insert into w select *
    from schools; return (select count(*) from w)
a view that compares whole rows | create view f as select s.id from schools as s join old_schools as o on s.id = o.id
    where s is distinct from o; insert into old_schools select * from schools | select count(*) from f
a view with a whole row | create view f as select s as school, s.* from schools as s
    | select count((school).code) from f
a check of a whole row | alter table schools alter created_at set not null, add constraint full_row check ((schools.*)
    is not null) | :insert
a check of named columns | alter table schools add constraint named check (code <> name) | :insert
a trigger that fires for full rows | f() returns trigger: begin perform log(new.code); return new ;; create trigger
    noted after insert on schools for each row when (new.* is not null) execute function f()
    | :insert; select count(*) from imported
a trigger that fires for changed rows | f() returns trigger: begin perform log(new.code); return new ;; create trigger
    noted after update on schools for each row when (new.* is distinct from old.*) execute function f()
    | update schools set name = 'x'; select count(*) from imported
listed columns into a column of the row type | :kept ;; f() returns void: insert into kept values (row(:a_row), now())
whole rows into a column of the row type | :kept ;; f() returns void: insert into kept (noted_at, school) select now(),
    s from schools as s
all columns of a column of the row type | :kept ;; f() returns void: insert into old_schools select (k.school).* from
    kept as k
one column of a column of the row type | :kept ;; f() returns bigint: select count((school).code) from kept
names for all columns and the ordinality | begin return (select min(n) from unnest(array(select s from schools as s))
    with ordinality as u (a, b, c, d, e, n))
names for some of the columns | begin return (select min(a) from unnest(array(select s from schools as s)) with
    ordinality as u (a, b))
names for all columns and one more | count: with q (a, b, c, d, e, n) as (select s.*, 1 from schools as s) select 1
    from q where n = 1
all columns of a subquery, grouped by each | count: select q.*, count(*) from (select * from schools) as q group by
    q.id, q.code, q.name, q.is_active, q.created_at
all columns, grouped by each | count: with schools as (table schools) select *, count(*) from schools group by :listed
all columns, grouped by the key | count: select s.*, count(*) from schools as s join programs as p on p.school_id =
    s.id group by s.id, s.code
all columns of two tables, grouped by the keys | count: select s.*, p.code from schools as s join programs as p on
    p.school_id = s.id group by s.id, p.id
a trigger of several tables, for another one | after insert: if tg_table_name = 'terms' then insert into old_schools
    values (new.*); elsif tg_op = 'INSERT' then perform log(new.code); end if; return new
a trigger of several tables, for this one | after insert: if tg_table_name in ('terms', 'schools') and tg_op = 'INSERT'
    then insert into old_schools values (new.*); else perform log(new.code); end if; return new
a trigger of several tables, for all others | after insert: if tg_table_name = 'schools' then case tg_op when 'INSERT'
    then perform log(new.code); else null; end case; else insert into old_schools values (new.*); end if; return new
a trigger of several tables, but for another one | after insert: if tg_table_name = 'terms' then null; else insert into
    old_schools values (new.*); end if; return new
""")
MADE = _cases(r"""
a row of a function, copied | create function g() returns next_of_kins language sql as 'select * from next_of_kins
    where :last' ;; declare r next_of_kins; begin r := g(); :copy_kin
a row that a function makes | create function g() returns next_of_kins language plpgsql as $$ declare r next_of_kins;
    begin select std_no, name, relationship into r.std_no, r.name, r.relationship from next_of_kins limit 1; return r;
    end $$ ;; declare r next_of_kins; begin r := g(); :copy_kin
JSON of a row, copied | begin insert into next_of_kins select (jsonb_populate_record(null::next_of_kins,
    row_to_json(k)::jsonb || :another_id)).* from next_of_kins as k; return 1
copied, where nothing is in the way | declare n bigint; begin insert into next_of_kins select :copies from next_of_kins
    as k on conflict do nothing; get diagnostics n = row_count; return n
written over by itself | begin insert into next_of_kins select (jsonb_populate_record(k, '{"name": "x"}')).* from
    next_of_kins as k on conflict (id) do update set name = excluded.name; return 1
JSON of a row but for cms_id | begin insert into next_of_kins select (jsonb_populate_record(null::next_of_kins,
    to_jsonb(k) - 'cms_id' || :another_id)).* from next_of_kins as k; return 1
JSON of a row in a variable | declare j jsonb; begin select jsonb_set(to_jsonb(k), '{id}', to_jsonb(:next)) into j from
    next_of_kins as k where :last; insert into next_of_kins select * from jsonb_populate_record(null::next_of_kins, j);
    return 1
JSON of several rows | begin insert into next_of_kins select * from jsonb_populate_recordset(null::next_of_kins,
    (select jsonb_agg(to_jsonb(k) || :another_id) from next_of_kins as k)); return 1
a version in place of the row | before update on next_of_kins: if new.name = old.name then return new; end if; delete
    from next_of_kins where id = old.id; new.id := :next; insert into next_of_kins select new.*; new := null; return
    new | update next_of_kins set name = 'x' where :last
an array of rows, copied | declare a next_of_kins[]; r next_of_kins; begin select array_agg(k order by id desc) into a
    from next_of_kins as k; foreach r in array a loop :copy_kin; end loop
a row that was changed, copied | declare r next_of_kins; begin update next_of_kins set name = 'x' where :last returning
    * into r; :copy_kin
a row that was deleted, put back | declare r next_of_kins; begin select * into r from next_of_kins where :last; delete
    from next_of_kins where id = r.id; :copy_kin
a row variable, filled anew | declare s bigint; r next_of_kins; begin select * into r from next_of_kins where :last; s
    := r.std_no; select 1, s, 'x', relationship into r from next_of_kins limit 1; :copy_kin
rows merged into their table | begin create temp table t as select * from next_of_kins; merge into next_of_kins as k
    using t on k.id = t.id when matched then update set name = 'x' when not matched then insert values (t.*); return 1
rows of a child, moved to the parent | create table young () inherits (next_of_kins) ;; begin insert into next_of_kins
    select * from young; delete from young; return 1
made by a constant text and attached | :parts ;; begin execute format('create table %I (like schools)', 'x'); execute
    format('alter table parts attach partition %I for values from (1) to (99999)', 'x'); return 1
made like the parent and attached | :parts ;; begin create table x (like parts); insert into x select :listed from
    schools; :attach; return 1
attached to what is made as well | begin create table parts (like schools) partition by range (id); create table x
    (like schools); :attach; return 1
attached to what is made with more columns | begin create table parts (like schools) partition by range (id);
    create table x (id int not null, code text not null, name text not null, is_active bool not null,
    created_at timestamp); :attach; return 1
a table that is made, with a column by another name | begin create temp table x (like schools); alter table x rename code
    to key; insert into x select * from schools; return 1
a fixed table that gets a core one as parent | create table child (like schools) ;; begin alter table child inherit
    schools; return 1
a table that is made to inherit, filled | begin create table x (extra text) inherits (schools); insert into x select
    :listed, 'x' from schools; return 1
a partition that is made, filled | :parts ;; begin create table x partition of parts for values from (1) to (99999);
    insert into x select * from schools; return 1
a table that is made, with a column less | create table four as select id, code, name, is_active from schools with no
    data ;; begin create temp table x as select * from schools; alter table x drop created_at; insert into four select
    * from x; return 1
a table that is made, with a column more | begin create temp table x (like schools); alter table x add noted_at
    timestamp; insert into x select s.*, now() from schools as s; return 1
a table that is made, by another name | create schema other ;; begin create table x as select * from schools; alter
    table x rename to y; alter table y set schema other; insert into old_schools select * from other.y; return 1
rows of VALUES | declare r schools; begin select * into r from schools limit 1; return (select count(*) from (values
    (r.*), (8, 'x', 'y', true, null)) as v)
a statement that is explained | declare t text; begin for t in explain insert into old_schools select * from schools
    loop null; end loop; return 1
a variable with the function's name | f(s schools) returns bigint: begin insert into old_schools select (f.s).*; return
    1 | select f(s) from schools as s limit 1
an OUT parameter that is a row | f(out r schools) returns schools: begin select * into r from schools limit 1; insert
    into old_schools values (r.*) | select (f()).id
a function of any row | create function g(anyarray) returns anyelement language sql as 'select $1[1]' ;; begin insert
    into old_schools select (g(array_agg(s))).* from schools as s; return 1
compared with all rows | begin return ((:a_row) <> all (select * from schools))::int
between two rows | insert into old_schools select * from schools ;; count: select 1 from schools as s join old_schools
    as o using (id) where row(s.*) between row(o.*) and row(o.*)
a policy of full rows | alter table schools enable row level security; alter table schools force row level security;
    create policy full_rows on schools using (schools is not null) | select count(*) from schools
a policy of named columns | alter table schools enable row level security; alter table schools force row level
    security; create policy named on schools using (id is not null) with check (code <> '')
    | select count(*) from schools
a view that is made and replaced | begin create view v as select * from schools; create or replace view v as select
    :listed, 1 as one from schools; return 1
""")
WRITTEN = _cases(r"""
parsed when it was made, a table returned | create function f() returns table (a integer, b text) language sql begin
    atomic select id, code from schools; end | :rows
a constant text that is executed | after insert: execute 'insert into old_schools select ($1).*' using new
all columns on the right of IN | count: select 1 from old_schools where (:listed) in (select * from schools)
a parameter called cms_id, in plpgsql | f(cms_id integer) returns bigint: begin return (select count(*) from schools
    where id = cms_id) | select f(1)
a parameter called cms_id, in SQL | f(cms_id integer) returns bigint: select count(*) from schools where id = cms_id
    | select f(1)
a parameter called cms_id, qualified | f(cms_id integer) returns bigint: begin return (select count(*) from schools
    where id = f.cms_id) | select f(1)
another table's cms_id | f() returns integer: select max(cms_id) from schools join imported on code = school_code
a function's cms_id | f() returns integer: select max(cms_id) from schools join json_to_recordset('[]') as j (code
    text, cms_id integer) using (code)
another table's cms_id, qualified | f() returns integer: select max(i.cms_id) from schools join imported as i on code =
    school_code
another table's cms_id, a table away | f() returns integer: select max(cms_id) from imported where exists (select from
    schools where code = school_code)
ordered by an output called cms_id | f() returns text: select code as cms_id from schools order by cms_id limit 1
grouped by an output called cms_id | f() returns setof record: select left(code, 1) as cms_id, count(*) from schools
    group by cms_id | :rows as t (a text, n bigint)
a natural join of a core table and itself | count: select * from schools as a natural join schools as b
    | :insert; select f()
a row returned by plpgsql | f() returns schools: begin return row(:a_row) | select (f()).code
a row variable returned by plpgsql | f() returns schools: declare r schools; begin r.code := 'x'; return r
    | select (f()).code
a record of listed columns returned as a row | f() returns setof schools: declare r record; begin for r in select
    :listed from schools loop return next r; end loop | :rows
a record of all columns returned as a row | f() returns setof schools: declare c cursor for select * from schools; r
    record; begin open c; loop fetch c into r; exit when not found; return next r; end loop | :rows
a view's trigger | create view listed as select * from schools ;; f() returns trigger: begin insert into old_schools
    values (new.*); return new ;; create trigger written instead of insert on listed for each row execute function f()
    | insert into listed (code, name) values ('NEW', 'New')
a view's rule | create view listed as select * from schools; create rule written as on insert to listed do instead
    insert into old_schools values (new.*) | insert into listed (code, name) values ('NEW', 'New')
columns behind the copied ones | alter table schools_log alter noted_at set default now() ;; after insert: insert into
    schools_log values (new.*)
copied into a row with a column behind | declare r schools_log; n bigint := 0; begin for r in select s.*, now() from
    schools as s loop n := n + 1; end loop; return n
copied into a row without | declare r old_schools; n bigint := 0; begin for r in select * from schools loop n := n +
    r.id; end loop; return n
a table that has cms_id already, all columns | f() returns void: insert into schools_ready select * from schools where
    code = 'none' | select count(*) from schools
an argument that is a row | create function label(schools) returns text language sql as 'select $1.code' ;; f() returns
    text: select label(row(:a_row))
out of a table of fewer columns | f() returns void: insert into schools select * from old_schools
    | insert into old_schools values (-5, 'NEW', 'New', true, now()); select f()
into a table of as many columns | f() returns void: insert into old_schools select * from schools
into a temporary table of its own | begin create temporary table mine as select * from schools; insert into mine select
    * from schools; return 1
all columns of a function | create function every() returns setof schools language sql as 'select * from schools' ;;
    f() returns void: insert into old_schools select * from every()
an array of rows | f() returns schools[]: select array_agg(s) from schools as s | select cardinality(f())
an array of rows that are cast | f() returns schools[]: select array[row(:a_row)]::schools[] | select cardinality(f())
TABLE ... EXCEPT TABLE | count: table schools except table old_schools
named columns of a common table expression | count: with s (a, b, c, d, e) as (select * from schools) select a, b from
    s
new compared with a list | after insert: if (new.*) = (new.id, new.code, new.name, new.is_active, new.created_at) then
    null; end if
a row variable, written elsewhere | declare r schools; begin select * into r from schools limit 1; insert into
    old_schools values (r.*); return 1
a row variable, written back | declare r schools%rowtype; begin select * into r from schools order by id desc; r.id :=
    -9; r.code := 'NEW'; insert into schools select r.*; return 1
only words | after insert: -- insert into schools_log select new.*, now()
    perform log('insert into schools_log select new.*, now()')
a table of the same name elsewhere | create schema elsewhere; create table elsewhere.schools (a integer); create table
    elsewhere.copied (a integer) ;; create function f() returns void language sql set search_path = elsewhere as $$
    insert into copied select * from schools $$
a common table expression of the same name | create table two (a integer, b integer) ;; f() returns void: with schools
    as (select 1 as a, 2 as b) insert into two select * from schools
listed columns that INSERT returns | f() returns schools: :insert returning :listed | select (f()).code
all columns that INSERT returns | f() returns schools: :insert returning * | select (f()).code
a transition table | f() returns trigger: begin insert into old_schools select * from added; return null ;; create
    trigger noted after insert on schools referencing new table as added for each statement execute function f()
    | :insert
old.* when a row is deleted | insert into schools (code, name) values ('GONE', 'Gone') ;; before delete: insert into
    old_schools values (old.*) | delete from schools where code = 'GONE'
a name in quotes | create table "School log" as select *, 1 as "times" from schools with no data ;; after insert:
    insert into "School log" select NEW.*, 1
all columns set at once | begin update old_schools set (:listed) = (select s.* from schools as s limit 1); return 1
    | insert into old_schools values (1); select f()
several columns set at once | begin update schools set (code, name) = (select 'NEW', s.name from schools as s limit 1)
    where id = -1; return 1
unnamed columns and ON CONFLICT | alter table old_schools add primary key (id) ;; after insert: insert into old_schools
    values (new.*) on conflict (id) do update set name = excluded.name
OUT parameters | f(out a integer, out b text, out c text, out d boolean, out e timestamp) returns record: select * from
    schools limit 1 | select a from f()
whether there is a row | begin return (select count(*) from schools where exists (select * from schools))
a join with a column in common | create table marked (id integer, mark text) ;; count: select * from schools join
    marked using (id)
""")
ROWS = _cases(r"""
one trigger for two tables | create table noted (happened text, said jsonb) ;; after insert: insert into noted values
    (tg_table_name, to_jsonb(new)) ;; create trigger noted after update on programs for each row execute function f()
one trigger for two tables, with new.* | after insert: if tg_table_name = 'schools' then insert into old_schools values
    (new.*); end if; return null ;; create trigger noted after update on programs for each row execute function f()
what is missing there | f() returns void: insert into old_schools as o select * from schools as s where not exists
    (select from old_schools as x where x.id = s.id) on conflict do nothing
a table made of a text | begin execute format('create table %I as table schools', 'copied'); return (select count(*)
    from copied)
a recursive query of all columns | count: with recursive t as (select s.* from schools s union all select s.* from
    schools s join t on false) table t
a recursive query that begins with listed columns | count: with recursive t as (select :listed from schools union all
    select s.* from schools s join t on false) table t
all columns out of LATERAL | count: select x.* from schools as s cross join lateral (select s.*) as x
all columns of a join, returned as a table | f() returns table (:typed, f text): begin return query select s.*, p.code
    from schools as s join programs as p on p.school_id = s.id | :rows
all columns of a row, returned as a table | f() returns table (:typed): select (s).* from schools as s | :rows
JSON of all rows | f() returns jsonb: select jsonb_agg(s.*) from schools as s | select jsonb_array_length(f())
new out of JSON | before insert: new := jsonb_populate_record(new, '{"code": "NEW"}')
    | :insert; select code from schools where code = 'NEW'
new out of listed columns | before update: select new.id, new.code, upper(new.name), new.is_active, new.created_at into
    new; return new ;; create function has_lost() returns bigint language sql as $$ select count(*) from schools as s
    where to_jsonb(s) ? 'cms_id' and to_jsonb(s) ->> 'cms_id' is null $$
    | update schools set name = 'x'; select has_lost()
a subquery of all columns | f() returns void: insert into old_schools select * from (select * from schools) as x
what UPDATE returns | f() returns void: with moved as (update schools set name = name returning *) insert into
    schools_log select *, now() from moved
whole rows, returned | f() returns setof schools: select s from schools as s | :rows
a row that is another's | f() returns void: delete from schools using old_schools as o where (schools.*) = (o.*)
    | insert into old_schools select :listed from schools; select f(); select count(*) from schools
a row out of JSON, written elsewhere | f() returns void: insert into old_schools select
    (jsonb_populate_record(null::schools, '{"id": 5}')).*
rows out of JSON, written back | f() returns void: insert into schools select * from
    jsonb_populate_recordset(null::schools, '[]')
out of a view | create view listed as select * from schools ;; f() returns void: insert into old_schools select * from
    listed
all columns as the row of a view | create view listed as select * from schools ;; f() returns setof listed: select *
    from schools | :rows
TABLE, returned | f() returns setof schools: begin return query table schools | :rows
VALUES, returned | f() returns setof schools: begin return query values (:a_row) | :rows
a row of a subquery, returned | f() returns schools: begin return (select s from schools as s order by id limit 1)
    | select (f()).code
INTO in front | declare r schools%rowtype; begin select into strict r * from schools order by id limit 1; begin insert
    into old_schools (id, code) values (r.id, r.code); exception when unique_violation or check_violation then raise
    notice '%', r; end; return r.id
a constant text that selects | begin execute 'insert into old_schools select * from schools' ; return 1
a procedure | create procedure p() language plpgsql as $$ <<outermost>> declare r schools; n constant integer := 1;
    begin for r in (select * from schools) loop if n = (case when true then 1 else 2 end) then insert into old_schools
    select (x).* from (select r as x) as y; end if; end loop; end $$ | call p()
a procedure that merges | alter table old_schools add primary key (id); create procedure p() language plpgsql as $$
    begin merge into old_schools as o using schools as s on o.id = s.id when matched then update set name = s.name when
    not matched then insert values (s.*); end $$ | call p()
the same, with columns | alter table old_schools add primary key (id); create procedure p() language plpgsql as $$
    begin merge into old_schools as o using schools as s on o.id = s.id when not matched then insert (id, code) values
    (s.id, s.code); end $$ | call p()
a cursor's rows | declare c refcursor; r schools; begin open c for select * from schools; fetch c into r; insert into
    old_schools values (r.*); return 1
a variable of a column's type | declare c schools.code%type; b schools[]; begin select code into c from schools order
    by id limit 1; return length(c)
a domain over the row type | create domain school as schools check ((value).id > 0) ;; f() returns setof school: select
    s from schools as s | :rows
whether a joined row was found | count: select 1 from programs as p left join schools as s on p.school_id = s.id where
    s is not null
whether a row of a subquery was found | begin return ((select s from schools as s order by id limit 1) is not
    null)::integer
whether an array was given | f(schools[]) returns integer: select ($1 is not null)::integer
    | select f(array(select s from schools as s))
whether there are rows here as there | begin return (exists (select * from schools) = exists (select * from
    old_schools))::integer
another name for new | after insert: declare n alias for new; begin insert into old_schools values (n.*)
another name for a parameter | f(schools) returns bigint: declare s alias for $1; begin insert into old_schools select
    s.*; return 1 | select max(f(s)) from schools as s
a loop over a cursor, returned | f() returns setof old_schools: declare c cursor for select * from schools; begin for r
    in c loop return next r; end loop | :rows
rows of an array that is given | f(a schools[]) returns bigint: begin insert into old_schools select * from unnest(a);
    return 1 | select f(array(select s from schools as s))
rows of an array that is declared | declare a schools[] := array(select s from schools as s); begin insert into
    old_schools select (a[1]).*; insert into old_schools select * from unnest(a); return 1
a row of a subquery into a record | f() returns old_schools: declare r record; begin r := (select s from schools as s
    order by id limit 1); return r | select (f()).code
one of two functions of the same name | f() returns setof schools: select s from schools as s ;; f(a integer) returns
    setof schools: select s from schools as s where id = a ;; create function g() returns void language sql as 'insert
    into old_schools select * from f(1)' | select g()
two functions of the same name, which return something else | f(integer) returns schools: select s from schools as s
    limit 1 ;; f(text) returns old_schools: select s from old_schools as s limit 1 ;; create function g() returns void
    language sql as $$ insert into old_schools select * from f('x') $$ | select g()
a table made like it, with one more column | begin create temporary table kept (like schools, note text); insert into
    kept select :listed, 'x' from schools; return 1
the same, with that in front | begin create temporary table kept (note text, like schools); insert into kept select
    'x', s.* from schools as s; insert into kept select 'x', :listed from schools; return 1
a constant text, what it is given, and where its answer goes | f(s schools) returns bigint: declare n bigint; begin
    execute 'insert into old_schools select ($2).* where $1 returning id' using (1 > 0), s into n; return n
    | select max(f(s)) from schools as s
a sample | begin insert into old_schools select * from schools tablesample system (100); return 1
rows that are chosen from several | begin insert into old_schools select (coalesce(s, case when true then s end)).*
    from schools as s; return 1
a row that comes before | begin insert into old_schools select (x.before).* from (select lag(s) over (order by id) as
    before from schools as s) as x; return 1
a subquery's row, expanded | begin insert into old_schools select ((select s from schools as s order by id limit 1)).*;
    return 1
rows that are gathered | begin insert into old_schools select (x.a[1]).* from (select array_agg(s) as a from schools as
    s) as x; return 1
subqueries of one value | begin insert into old_schools select (select max(id) from schools), coalesce((select
    max(code) from schools), 'x'); return 1
whether arrays of rows, or columns, are there | count: select 1 from (select array_agg(s) as a, array(select s from
    schools as s) as b, max(name) as name from schools as s) as x where a is not null and x.b is not null and x.b[1:1]
    is not null and x.name is not null
a parameter that is called as a column is | f(name schools) returns bigint: begin return (select count(*) from schools
    as s where s.name is not null) | select max(f(s)) from schools as s
a procedure that is given a row | create procedure p(s schools) language sql as 'select 1' ;; begin call
    p(row(:a_row)); return 1
""")
MAY = _cases(r"""
a handler that copes | begin begin insert into old_schools select * from schools; exception when others then null; end;
    return 1
a text that is read as a row | declare line text := '1,A,B,t,2026-01-01'; begin perform ('(' || line || ')')::schools;
    return 1
the keys of a row | after insert: declare j jsonb; begin j := to_jsonb(new); perform log(k) from jsonb_object_keys(j)
    as k; return null
the text of a row | f() returns text: select md5(string_agg(s::text, '' order by id)) from schools as s
a row in a text | f() returns text: select md5(string_agg(concat_ws('|', s.*), '' order by id)) from schools as s
a row as JSON, compared | create table said as select s.id, to_jsonb(s) as school from schools as s ;; count: select 1
    from schools as s join said using (id) where to_jsonb(s) = school
two rows as JSON, compared | count: select from next_of_kins as a, next_of_kins as b where a.id < b.id and to_jsonb(a)
    - 'id' = to_jsonb(b) - 'id'
a record that nobody asks for | f() returns setof record: select * from schools | select 1
a trigger function without a trigger | f() returns trigger: begin insert into old_schools select * from schools; return
    null | select 1
""")
