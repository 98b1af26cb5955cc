{% macro unwatched_schemas() %}
    {#- As a list of literals. -#}
    {%- set names = [] -%}
    {%- for schema in [target.schema] + var('ledger_schemas') -%}
        {%- do names.append(quote_text(schema)) -%}
    {%- endfor -%}
    {%- do return(names | join(', ')) -%}
{% endmacro %}
