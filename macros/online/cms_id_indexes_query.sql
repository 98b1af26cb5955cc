{% macro cms_id_indexes_query(table) %}
    {#- The indexes on cms_id, and whatever has the name of ours: an index that was interrupted stays behind, invalid, and
        IF NOT EXISTS would take it for done. -#}
select
    format('%I.%I', n.nspname, c.relname) as index_name,
    i.indisvalid and i.indisready and i.indisunique and i.indpred is null and i.indnatts = 1 and i.indkey[0] = a.attnum
    and c.relname = {{ quote_text(table.constraint) }} as is_ours,
    i.indisvalid and i.indisready as is_valid
from pg_catalog.pg_index as i
inner join pg_catalog.pg_class as c on i.indexrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
inner join pg_catalog.pg_attribute as a on i.indrelid = a.attrelid and a.attname = 'cms_id' and not a.attisdropped
where
    i.indrelid = {{ quote_text(table.relation) }}::regclass
    and (c.relname = {{ quote_text(table.constraint) }} or (i.indnkeyatts = 1 and i.indkey[0] = a.attnum))
{%- endmacro %}
