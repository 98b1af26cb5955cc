{% macro create_audit_tables() %}
    {#- Looked up before it is made, so that a repeated call takes no lock and needs no right to create. -#}
    {%- set newest = "select 1 from pg_catalog.pg_attribute where attrelid = to_regclass(" ~ quote_text(audit_relation('batches'))
        ~ ") and attname = 'rows_rewritten'" -%}
    {%- if not audit_table_exists('backup_tables') or not run_query(newest).rows -%}
        {%- do run_query(audit_tables_ddl(target.schema)) -%}
    {%- endif -%}
{% endmacro %}
