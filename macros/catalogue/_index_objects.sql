{% macro _index_objects() %}
    {#- Indexes, and whether they are valid. A part of catalogue_objects. -#}
select
    'index',
    r.relation_name,
    concat_ws(
        ', ',
        pg_get_indexdef(r.oid),
        case when not i.indisvalid then 'INVALID' end,
        case when not i.indisready then 'not ready' end,
        case when not i.indislive then 'not live' end,
        case when not i.indimmediate then 'deferrable' end,
        case when i.indisreplident then 'replica identity' end,
        case when i.indisclustered then 'clustered on' end,
        'tablespace ' || ts.spcname,
        'statistics ' || (
            select string_agg(a.attnum::text || ' ' || a.attstattarget::text, ' ' order by a.attnum)
            from pg_catalog.pg_attribute as a
            where a.attrelid = r.oid and a.attstattarget >= 0 and r.relkind = 'i'
        )
    )
from relations as r
inner join pg_catalog.pg_index as i on r.oid = i.indexrelid
left join pg_catalog.pg_tablespace as ts on r.reltablespace = ts.oid
{% endmacro %}
