{% macro audit_table_exists(name) %}
    {#- Whether the audit schema holds such a relation. Asked of the server each time: dbt's cache does not know what
        this run created. -#}
    {%- if not execute -%}{%- do return(false) -%}{%- endif -%}
    {%- set found = run_query('select to_regclass(' ~ quote_text(audit_relation(name)) ~ ') is not null') -%}
    {%- do return(found.columns[0][0]) -%}
{% endmacro %}
