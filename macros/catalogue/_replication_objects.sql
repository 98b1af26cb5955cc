{% macro _replication_objects() %}
    {#- Publications and subscriptions. A part of catalogue_objects. -#}
select
    'publication',
    quote_ident(p.pubname),
    'owner ' || pg_get_userbyid(p.pubowner) || ', ' || (to_jsonb(p) - '{oid,pubname,pubowner}'::text [])::text
from pg_catalog.pg_publication as p

union all

select
    'publication table',
    quote_ident(p.pubname) || ' ' || r.relation_name,
    concat_ws(
        ', ',
        case when newer.left_out then 'left out' else 'published' end,
        'columns ' || (
            select string_agg(quote_ident(a.attname), ', ' order by a.attname)
            from pg_catalog.pg_attribute as a
            where a.attrelid = pr.prrelid and a.attnum = any(newer.attrs::int2 [])
        ),
        'filter ' || pg_get_expr(newer.qual, pr.prrelid)
    )
from pg_catalog.pg_publication_rel as pr
-- two came with PostgreSQL 15, prexcept with 19; before, the names mean the columns of `older`
cross join (select null::int2vector as prattrs, null::pg_node_tree as prqual, false as prexcept) as older
cross join lateral (
    select
        prattrs as attrs,
        prqual as qual,
        prexcept as left_out
    from pg_catalog.pg_publication_rel
    where oid = pr.oid
) as newer
inner join pg_catalog.pg_publication as p on pr.prpubid = p.oid
inner join relations as r on pr.prrelid = r.oid

union all

select
    'publication schema',
    quote_ident(p.pubname) || ' ' || n.schema_name,
    'published'
from pg_catalog.pg_depend as in_publication
inner join pg_catalog.pg_publication as p
    on in_publication.refclassid = 'pg_catalog.pg_publication'::regclass and in_publication.refobjid = p.oid
inner join pg_catalog.pg_depend as of_schema
    on in_publication.classid = of_schema.classid and in_publication.objid = of_schema.objid
inner join namespaces as n on of_schema.refclassid = 'pg_catalog.pg_namespace'::regclass and of_schema.refobjid = n.oid
-- a catalogue that came with PostgreSQL 15
where in_publication.classid = to_regclass('pg_catalog.pg_publication_namespace')

union all

select
    'subscription',
    quote_ident(s.subname),
    concat_ws(
        ', ', 'owner ' || pg_get_userbyid(s.subowner), case when s.subenabled then 'enabled' else 'disabled' end, s.subslotname,
        array_to_string(s.subpublications, ' ')
    )
from pg_catalog.pg_subscription as s
inner join pg_catalog.pg_database as d on s.subdbid = d.oid and d.datname = current_database()
{% endmacro %}
