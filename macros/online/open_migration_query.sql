{% macro open_migration_query(audit_schema) %}
    {#- The id of the online migration that is not finished, or NULL. Self-contained: the driver asks the same. -#}
    {%- set schema = quote_name(audit_schema) -%}
select max(m.migration_id)
from {{ schema }}.migrations as m
where m.mode = 'online' and m.state not in ('done', 'undone', 'abandoned')
{%- endmacro %}
