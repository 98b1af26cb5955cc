{% macro _id_differences_of(table) %}
    {%- do return(core_comparison(table, [])) -%}
{% endmacro %}
