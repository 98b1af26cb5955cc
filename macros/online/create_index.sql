{% macro create_index(table) %}
    {#- Always alone in its run_query: a concurrent build refuses to run in a transaction. -#}
create unique index concurrently {{ quote_name(table.constraint) }} on {{ table.relation }} (cms_id)
{%- endmacro %}
