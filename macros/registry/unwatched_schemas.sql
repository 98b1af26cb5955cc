{% macro unwatched_schemas() %}
    {#- The schemas whose tables no check of the other tables looks at, as literals: ours, and those of var
        ledger_schemas. -#}
    {%- set names = [] -%}
    {%- for schema in [target.schema] + var('ledger_schemas') -%}
        {%- do names.append(quote_text(schema)) -%}
    {%- endfor -%}
    {%- do return(names | join(', ')) -%}
{% endmacro %}
