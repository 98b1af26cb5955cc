{% macro cms_id_catalogue_query(tables) %}
    {#- What the catalogue says of cms_id, one row per core table: the column, and the unique constraint that stands on
        exactly that column, whatever it is called; of several, the one that has the configured name. -#}
select
    t.table_name,
    c.oid is not null as table_exists,
    a.attname is not null as column_exists,
    format_type(a.atttypid, a.atttypmod) as column_type,
    coalesce(a.attnotnull, false) as not_null,
    u.conname::text as constraint_name,
    coalesce(i.indisvalid and u.convalidated and not u.condeferrable, false) as constraint_valid
from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
left join pg_catalog.pg_class as c on c.oid = to_regclass(format('%I.%I', t.schema_name, t.relation_name))
left join pg_catalog.pg_attribute as a on c.oid = a.attrelid and a.attname = 'cms_id' and not a.attisdropped
left join lateral (
    select
        k.conname,
        k.conindid,
        k.convalidated,
        k.condeferrable
    from pg_catalog.pg_constraint as k
    where k.conrelid = c.oid and k.contype = 'u' and k.conkey = array[a.attnum]
    order by k.conname = t.constraint_name desc, k.conname
    limit 1
) as u on true
left join pg_catalog.pg_index as i on u.conindid = i.indexrelid
{% endmacro %}
