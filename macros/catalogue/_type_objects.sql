{% macro _type_objects() %}
    {#- Enums, domains, composite and range types, and extended statistics. A part of catalogue_objects. -#}
select
    t.type_kind,
    t.type_name,
    concat_ws(
        ', ',
        'owner ' || pg_get_userbyid(t.typowner),
        (
            select string_agg(quote_literal(e.enumlabel), ' ' order by e.enumsortorder)
            from pg_catalog.pg_enum as e
            where e.enumtypid = t.oid
        ),
        case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
        'collation ' || case when t.typtype = 'd' and t.typcollation <> 0 then t.typcollation::regcollation::text end,
        case when t.typnotnull then 'not null' end,
        'default ' || t.typdefault,
        (
            select concat_ws(' ', format_type(g.rngsubtype, null), g.rngcanonical::text, g.rngsubdiff::text, nullif(g.rngcollation, 0)::regcollation::text)
            from pg_catalog.pg_range as g
            where g.rngtypid = t.oid
        ),
        case
            when t.typtype = 'b' then concat_ws(
                ' ', t.typinput::text, t.typoutput::text, t.typlen::text, t.typalign::text, t.typstorage::text, t.typbyval::text
            )
        end
    )
from types as t

union all

select
    'statistics',
    n.schema_name || '.' || quote_ident(s.stxname),
    concat_ws(
        ', ', 'owner ' || pg_get_userbyid(s.stxowner), pg_get_statisticsobjdef(s.oid), 'target ' || nullif(s.stxstattarget, -1)::text
    )
from pg_catalog.pg_statistic_ext as s
inner join namespaces as n on s.stxnamespace = n.oid
{% endmacro %}
