{% macro baseline_tables_upsert(tables) %}
    {#- Fingerprints are taken of the copies, so that whatever later equals them equals what is kept. -#}
    {%- set columns = columns_by_table(tables) -%}
    {%- set target_table = audit_relation('baseline_tables') -%}
    {%- set statement -%}
insert into {{ target_table }} (table_name, schema_name, relation_name, column_names, row_count, fingerprint_a, fingerprint_b)
        {%- for table in tables %}
select
    {{ quote_text(table.name) }},
    {{ quote_text(table.schema) }},
    {{ quote_text(table.identifier) }},
    array[{% for column in columns[table.name] %}{{ quote_text(column.name) }}{{ ', ' if not loop.last }}{% endfor %}],
    f.*
from ({{ fingerprint_query(table.baseline, columns[table.name]) }}) as f
            {{ 'union all' if not loop.last }}
        {%- endfor %}
on conflict (table_name) do update set
    schema_name = excluded.schema_name,
    relation_name = excluded.relation_name,
    column_names = excluded.column_names,
    row_count = excluded.row_count,
    fingerprint_a = excluded.fingerprint_a,
    fingerprint_b = excluded.fingerprint_b,
    kept_at = now()
    {%- endset -%}
    {%- do return(statement) -%}
{% endmacro %}
