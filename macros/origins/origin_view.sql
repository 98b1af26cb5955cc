{% macro origin_view(table) %}
    {#- A core table's rows with their origin, whatever it and its key are called. Names the package, since models of other
        projects call it. Depends on the summary, so that dbt builds it behind the migration. -#}
    {%- do ref('cms_id_tracking', 'origin_summary') -%}
    {%- set key = namespace(name='id') -%}
    {%- for node in (graph.sources.values() if execute else []) if (node.schema, node.identifier) == (table.schema, table.identifier) -%}
        {%- set key.name = node.config.meta.get('id_column', 'id') -%}
    {%- endfor %}
select
    {{ cms_id_tracking.quote_name(key.name) }},
    cms_id,
    {{ cms_id_tracking.origin() }} as origin
from {{ cms_id_tracking.quote_name(table.schema) }}.{{ cms_id_tracking.quote_name(table.identifier) }}
{% endmacro %}
