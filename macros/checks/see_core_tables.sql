{% macro see_core_tables() %}
    {#- What this role may read whole, and what has its columns, for every other table is read by its own tests. -#}
    {%- set readable -%}
select t.table_name
from ({{ core_table_values(core_tables()) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
inner join pg_namespace as n on t.schema_name = n.nspname
inner join pg_class as c on n.oid = c.relnamespace and t.relation_name = c.relname
inner join pg_attribute as a on c.oid = a.attrelid and a.attname in (t.id_column, 'cms_id')
inner join pg_class as b on b.relname = 'baseline_tables' and b.relnamespace = to_regnamespace({{ quote_text(quote_name(target.schema)) }})
where
    {{ is_read_whole('c.oid', 'n.oid') }}
    and {{ is_read_whole('b.oid', 'b.relnamespace') }}
    and a.atttypid in ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
    -- a standby's snapshot does not list what is running
    and not pg_is_in_recovery()
group by t.table_name
having count(*) = 2
    {%- endset -%}
    {%- set names = run_query(readable).columns[0].values() | list -%}
    {%- set tables = core_tables() | selectattr('name', 'in', names) | list -%}
    {%- set columns, kept = (columns_by_table(tables), baseline_columns()) if tables else ({}, {}) -%}
    {%- set parts = [] -%}
    {#- rows hash the same where columns have swapped their names -#}
    {%- for table in tables if columns.get(table.name, []) | map(attribute='name') | list == kept.get(table.name) -%}
        {%- do parts.append(
            'select ' ~ quote_text(table.name) ~ '::text as table_name, f.* from ('
            ~ fingerprint_query(table.relation, columns[table.name], 'cms_id is distinct from ' ~ table.id) ~ ') as f'
        ) -%}
    {%- endfor -%}
    {%- if parts -%}
        {%- set query -%}
select
    {{ data_as_of() }} as moment,
    live.table_name,
    live.row_count,
    live.counted = 0 as is_filled
from ({{ parts | join('\nunion all\n') }}) as live
-- a record of version 1.0, which may overlook rows that swapped a value, equals none
inner join {{ audit_relation('baseline_tables') }} as recorded
    on
        live.table_name = recorded.table_name
        and live.row_count = recorded.row_count
        and live.fingerprint_a = recorded.fingerprint_a
        and live.fingerprint_b = recorded.fingerprint_b
        {%- endset -%}
        {%- for row in run_query(query).rows -%}
            {%- do graph['cms_id_seen'].update({row[1]: {'moment': row[0], 'rows': row[2], 'filled': row[3]}}) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
