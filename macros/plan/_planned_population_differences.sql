{% macro _planned_population_differences(tables) %}
    {#- The check of spec test 3.1, written before the columns exist. -#}
    {%- set parts = [] -%}
    {%- for table in tables -%}
        {%- do parts.append('(' ~ _cms_id_population_of(table) ~ ')') -%}
    {%- endfor -%}
    {%- do return(parts | join('\nunion all\n')) -%}
{% endmacro %}
