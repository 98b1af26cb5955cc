{% macro snapshot_exists(snapshot) %}
    {%- if not execute -%}{%- do return(true) -%}{%- endif -%}
    {%- do return(audit_table_exists(snapshot.identifier)) -%}
{% endmacro %}
