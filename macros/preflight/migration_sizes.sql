{% macro migration_sizes(tables) %}
    {#- How much there is to migrate, from the catalogue's own sizes: per table its rows, bytes and indexes, and how many bytes
        either mode needs beside them. The density of a table that was never analyzed is taken to be the usual one. A rewrite
        makes a second copy of heap and indexes, and the first is freed at the commit; filling in place writes some rows
        elsewhere, with new entries in each index, and all of them where somebody holds an old snapshot. An index entry of
        cms_id takes 20 bytes of a page that is nine tenths full, the column itself 4 or 8. Self-contained. -#}
select
    sizes.*,
    sizes.heap_bytes + sizes.index_bytes + sizes.row_count * 30 as window_disk_bytes,
    sizes.heap_bytes / 2 + sizes.index_bytes * 3 / 4 + sizes.row_count * 25 as online_disk_bytes
from (
    select
        t.table_name,
        c.reltuples >= 0 and c.relpages > 0 as analyzed,
        (
            pg_relation_size(c.oid) / current_setting('block_size')::numeric
            * case when c.reltuples >= 0 and c.relpages > 0 then (c.reltuples / c.relpages)::numeric else 80 end
        )::bigint as row_count,
        pg_table_size(c.oid) as heap_bytes,
        pg_indexes_size(c.oid) as index_bytes,
        (select count(*) from pg_catalog.pg_index as i where i.indrelid = c.oid) as index_count
    from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
    inner join pg_catalog.pg_namespace as n on t.schema_name = n.nspname
    inner join pg_catalog.pg_class as c on n.oid = c.relnamespace and t.relation_name = c.relname
    where c.relkind = 'r'
) as sizes
{%- endmacro %}
