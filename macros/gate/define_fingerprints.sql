{% macro define_fingerprints(tables) %}
    {#- Values are written as in every other session that takes fingerprints. -#}
    {%- set columns = columns_by_table(tables) -%}
    {%- set query -%}
    {%- for table in tables %}
select
    {{ quote_text(table.name) }}::text,
    f.*
from ({{ fingerprint_query('only ' ~ table.relation, columns[table.name]) }}) as f
        {{- '\nunion all' if not loop.last }}
    {%- endfor -%}
    {%- endset -%}
    {%- do return(temporary_reader(
        'cms_id_fingerprints', 'table_name text, row_count bigint, fingerprint_a numeric, fingerprint_b numeric', value_settings(), query
    )) -%}
{% endmacro %}
