{% macro unread_sources(model) %}
    {#- A check by catalogue, one failing row for each source of a model of which this role does not see every row: without
        them, baseline and model may be equal and still say nothing. -#}
    {%- set names = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == model -%}
        {%- for source_node in model_sources(node) -%}
            {%- do names.append('(' ~ quote_text(source_node.schema) ~ ', ' ~ quote_text(source_node.identifier) ~ ')') -%}
        {%- endfor -%}
    {%- endfor -%}
select
    {{ quote_text(model) }}::text as table_name,
    null::text as key,
    null::text as column_name,
    format('every row of %I.%I', n.nspname, c.relname) as expected,
    format('role %s may not read it, or not every row: grant select, or bypassrls', current_user) as actual
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where
    (n.nspname, c.relname) in ({{ names | join(', ') }})
    and not ({{ is_read_whole('c.oid', 'n.oid') }})
{% endmacro %}
