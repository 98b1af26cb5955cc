{% macro entries_left_out() %}
    {#- A query of what in a dump's table of contents is not restored into this database, because it is there: how its line begins
        behind the numbers. For a database that holds what stays or was prepared, and nothing else. Self-contained. -#}
{%- for kind, catalogue, name in [
    ('EXTENSION', 'pg_extension', 'extname'), ('SCHEMA', 'pg_namespace', 'nspname'),
    ('EVENT TRIGGER', 'pg_event_trigger', 'evtname'), ('PUBLICATION', 'pg_publication', 'pubname'), ('ACCESS METHOD', 'pg_am', 'amname'),
    ('PROCEDURAL LANGUAGE', 'pg_language', 'lanname'), ('FOREIGN DATA WRAPPER', 'pg_foreign_data_wrapper', 'fdwname'),
    ('SERVER', 'pg_foreign_server', 'srvname'),
] %}
select format('{{ kind }} - %s ', x.{{ name }}) as entry
from pg_catalog.{{ catalogue }} as x
where x.oid >= 16384

union all
{% endfor %}
select format('CAST - CAST (%s AS %s) ', format_type(k.castsource, null), format_type(k.casttarget, null))
from pg_catalog.pg_cast as k
where k.oid >= 16384

union all

{%- for kind, catalogue, prefix in [
    ('OPERATOR FAMILY', 'pg_opfamily', 'opf'), ('OPERATOR CLASS', 'pg_opclass', 'opc'), ('TEXT SEARCH PARSER', 'pg_ts_parser', 'prs'),
    ('TEXT SEARCH TEMPLATE', 'pg_ts_template', 'tmpl'), ('TYPE', 'pg_type', 'typ'), ('SHELL TYPE', 'pg_type', 'typ'),
] %}
select format('{{ kind }} %s %s ', n.nspname, x.{{ prefix }}name)
from pg_catalog.{{ catalogue }} as x
inner join pg_catalog.pg_namespace as n on x.{{ prefix }}namespace = n.oid
where x.oid >= 16384

union all
{% endfor %}
select format('%s %s %s ', k.kind, n.nspname, c.relname)
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
cross join (values ('TABLE DATA'), ('SEQUENCE SET')) as k (kind)
where c.relkind in ('r', 'S') and c.oid >= 16384 and n.nspname !~ '^pg_'

union all

select
    format(
        '%s %s %s(%s) ', case p.prokind when 'p' then 'PROCEDURE' when 'a' then 'AGGREGATE' else 'FUNCTION' end, n.nspname, p.proname,
        coalesce(
            (
                select string_agg(format_type(a.type, null), ', ' order by a.place)
                from unnest(p.proargtypes) with ordinality as a (type, place)
            ),
            case p.prokind when 'a' then '*' else '' end
        )
    )
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
where p.oid >= 16384 and n.nspname !~ '^pg_'
{%- endmacro %}
