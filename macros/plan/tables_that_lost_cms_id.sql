{% macro tables_that_lost_cms_id(states) %}
    {#- Core tables whose migration is logged as done, and whose column is gone all the same: somebody dropped it by hand. -#}
    {%- set tables = core_tables() -%}
    {%- set present = cms_id_columns(tables) -%}
    {%- set found = [] -%}
    {%- for table in tables if states.get(table.name) == 'done' and table.name not in present -%}
        {%- do found.append(table) -%}
    {%- endfor -%}
    {%- do return(found) -%}
{% endmacro %}
