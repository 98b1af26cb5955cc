{% macro sequence_differences() %}
    {#- Sequences of the core tables that are about to give out an id that is taken: rows imported with their ids leave a
        sequence behind, and then the first row created locally fails. -#}
    {%- if not execute -%}{%- do return(no_failing_rows()) -%}{%- endif -%}
    {%- set queries = run_query(sequence_queries(core_tables())).columns['sequence_query'].values() -%}
    {%- do return(queries | join('\nunion all\n') or no_failing_rows()) -%}
{% endmacro %}
