-- Operators and functions of pg_catalog's names in a schema of an ordinary role's that is looked up first. The operators raise when used.

create schema evil;
do $$
declare
    a_type text;
    operator text;
begin
    for a_type in select unnest(array['text', 'varchar', 'name', 'integer', 'bigint', 'oid', 'numeric', 'boolean', 'regclass', 'timestamptz', '"char"']) loop
        execute format(
            'create function evil.two(%1$s, %1$s) returns boolean language plpgsql as ''begin raise exception ''''operator of a user on %1$s''''; end''',
            a_type
        );
        foreach operator in array array['=', '<>', '<', '>', '<=', '>='] loop
            execute format('create operator evil.%1$s (function = evil.two, leftarg = %2$s, rightarg = %2$s)', operator, a_type);
        end loop;
    end loop;
end
$$;

create function evil.two(text, integer) returns text language plpgsql as 'begin raise exception ''operator of a user''; end';
create operator evil.|| (function = evil.two, leftarg = text, rightarg = integer);
create function evil.two(text, bigint) returns text language plpgsql as 'begin raise exception ''operator of a user''; end';
create operator evil.|| (function = evil.two, leftarg = text, rightarg = bigint);
create function evil.joined(text, text) returns text language plpgsql as 'begin raise exception ''operator of a user on ||''; end';
create operator evil.|| (function = evil.joined, leftarg = text, rightarg = text);
create function evil.lower(text) returns text language sql as 'select ''evil''::text';

create type evil.pair as (a integer, b integer);
create table evil.pairs (id integer primary key, p evil.pair);
insert into evil.pairs select g, row(g, g)::evil.pair from generate_series(1, 9) as g;
