{% macro cms_id_population_differences() %}
    {#- Spec test 3.1: cms_id = id in every row. -#}
    {%- do return(check_each_core_table(_cms_id_population_of, needs_cms_id=true)) -%}
{% endmacro %}
