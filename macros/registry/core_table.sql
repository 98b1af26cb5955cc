{% macro core_table(name) -%}
    {#- A core table in a query, by its name as a source: what source() gives, in quotes that hold whatever the table is
        called. dbt itself does not double a quote within a name. -#}
    {%- do source('registry', name) -%}
    {%- for table in core_tables() if table.name == name -%}{{ table.relation }}{%- endfor -%}
{%- endmacro %}
