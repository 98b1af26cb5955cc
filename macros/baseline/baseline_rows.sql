{% macro baseline_rows(table_name) %}
    {#- The relation that keeps a core table's rows as of the cut-over. -#}
    {%- do return(audit_relation('baseline_rows_' ~ table_name)) -%}
{% endmacro %}
