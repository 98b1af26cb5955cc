{% macro id_differences() %}
    {#- Spec test 6.1: the ids of every core table are those of the baseline. -#}
    {%- do return(check_each_core_table(_id_differences_of, needs_baseline=true)) -%}
{% endmacro %}
