{% macro cms_id_duplicates(tables=none) %}
    {#- Spec test 7.1: no cms_id stands twice in a table. -#}
    {%- do return(check_each_core_table(_cms_id_duplicates_of, tables, needs_cms_id=true)) -%}
{% endmacro %}
