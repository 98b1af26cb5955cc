{% macro define_fingerprints(tables, filled=false) %}
    {#- Makes the temporary function by which a plan fingerprints the core tables. Values are written as in every other
        session that takes fingerprints. Where cms_id is filled, the pass that hashes the rows also counts those that
        lack it or have another one. -#}
    {%- set columns = columns_by_table(tables) -%}
    {%- set query -%}
    {%- for table in tables %}
select
    {{ quote_text(table.name) }}::text,
    f.*
from ({{ fingerprint_query('only ' ~ table.relation, columns[table.name], 'cms_id is distinct from ' ~ table.id if filled else 'false') }}) as f
        {{- '\nunion all' if not loop.last }}
    {%- endfor -%}
    {%- endset -%}
    {%- do return(temporary_reader(
        'cms_id_fingerprints', 'table_name text, row_count bigint, fingerprint_a numeric, fingerprint_b numeric, not_filled bigint', value_settings(), query
    )) -%}
{% endmacro %}
