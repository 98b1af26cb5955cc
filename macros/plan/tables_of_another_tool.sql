{% macro tables_of_another_tool(states) %}
    {#- Core tables with a complete cms_id that no migration of ours is known to have made. -#}
    {%- set tables = core_tables() -%}
    {%- set present = cms_id_columns(tables) -%}
    {%- set found = [] -%}
    {%- for table in tables -%}
        {%- set column = present.get(table.name) -%}
        {%- if column and states.get(table.name) not in ['done'] + open_states()
            and column.type == var('cms_id_type') and column.constraint and column.valid -%}
            {%- do found.append(table) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(found) -%}
{% endmacro %}
