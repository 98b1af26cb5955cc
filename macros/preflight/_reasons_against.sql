{% macro _reasons_against(mode, query) %}
    {#- The findings of a query that block a mode, as sentences. -#}
    {%- set reasons = [] -%}
    {%- for row in run_query(query).rows if row['blocks'] in [mode, 'both'] -%}
        {%- do reasons.append(row['detail'] ~ ' (' ~ row['remedy'] ~ ')') -%}
    {%- endfor -%}
    {%- do return(reasons) -%}
{% endmacro %}
