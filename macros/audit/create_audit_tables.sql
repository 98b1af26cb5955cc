{% macro create_audit_tables() %}
    {#- Creates the audit tables unless they are there. Looked up before they are made, so that a repeated call takes no
        lock and needs no right to create: the last of them. -#}
    {%- if not audit_table_exists('locks') -%}
        {%- do run_query(audit_tables_ddl(target.schema)) -%}
    {%- endif -%}
{% endmacro %}
