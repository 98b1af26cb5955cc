{% macro id_differences(tables=none) %}
    {#- Spec test 6.1: the ids of every core table are those of the baseline. -#}
    {%- do return(check_each_core_table(_id_differences_of, tables, needs_baseline=true)) -%}
{% endmacro %}
