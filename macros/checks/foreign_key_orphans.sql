{% macro foreign_key_orphans() %}
    {#- Rows that break a foreign key of the catalogue: also one that is NOT VALID, NOT ENFORCED, or whose triggers are off. -#}
    {%- if not execute -%}{%- do return(no_failing_rows()) -%}{%- endif -%}
    {%- set queries = run_query(foreign_key_orphan_queries(core_tables())).columns['orphan_query'].values() -%}
    {%- do return(told_rows(queries | join('\nunion all\n'), told_orphans()) if queries else no_failing_rows()) -%}
{% endmacro %}
