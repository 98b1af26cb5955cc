{% macro core_table_values(tables) %}
    {#- A VALUES list of core tables: (table_name, schema_name, relation_name, id_column, constraint_name) for joins
        with the catalogue -#}
    values
    {%- for table in tables %}
    (
        {{- quote_text(table.name) }}, {{ quote_text(table.schema) }}, {{ quote_text(table.identifier) }}, {{ quote_text(table.id_column) }}, {{ quote_text(table.constraint) -}}
    ){{ ',' if not loop.last }}
    {%- endfor %}
{% endmacro %}
