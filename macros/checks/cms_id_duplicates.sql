{% macro cms_id_duplicates() %}
    {#- Spec test 7.1: no cms_id stands twice in a table. -#}
    {%- if execute -%}{%- do run_query(plan_comparison(indexed=true)) -%}{%- endif -%}
    {%- do return(check_each_core_table(_cms_id_duplicates_of, needs_cms_id=true)) -%}
{% endmacro %}
