{% macro tables_with_cms_id() %}
    {#- The core tables that have the column, each with the name that its constraint really has. -#}
    {%- set tables = core_tables() -%}
    {%- set present = cms_id_columns(tables) -%}
    {%- set found = [] -%}
    {%- for table in tables if table.name in present -%}
        {%- do found.append(dict(table, constraint=present[table.name].constraint or table.constraint)) -%}
    {%- endfor -%}
    {%- do return(found) -%}
{% endmacro %}
