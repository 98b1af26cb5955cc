{% macro open_migration_of(table) %}
    {#- The condition on `migrations` that picks the one unfinished online migration of a table. -#}
    {%- do return("table_name = " ~ quote_text(table.name) ~ " and mode = 'online' and state in ('" ~ open_states() | join("', '") ~ "')") -%}
{% endmacro %}
