{% macro create_audit_tables() %}
    {#- Looked up before it is made, so that a repeated call takes no lock and needs no right to create: the newest of them. -#}
    {%- if not audit_table_exists('throttle') -%}
        {%- do run_query(audit_tables_ddl(target.schema)) -%}
    {%- endif -%}
{% endmacro %}
