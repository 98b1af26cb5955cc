{% macro snapshot_exists(snapshot) %}
    {#- Whether a snapshot was taken on this database. -#}
    {%- if not execute -%}{%- do return(true) -%}{%- endif -%}
    {%- do return(audit_table_exists(snapshot.identifier)) -%}
{% endmacro %}
