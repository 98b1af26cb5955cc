{% macro fingerprint_live_rows(tables, into) %}
    {#- A temporary table rather than a variable: only so may the server use its parallel workers. -#}
    {%- set columns = columns_by_table(tables) -%}
create temporary table {{ into }} on commit drop as
    {%- for table in tables %}
select
    {{ quote_text(table.name) }}::text as table_name,
    f.*
from ({{ fingerprint_query(table.relation, columns[table.name]) }}) as f
        {{- '\nunion all' if not loop.last }}
    {%- endfor -%}
{% endmacro %}
