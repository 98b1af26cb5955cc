{% macro chain_columns(chain) %}
    {#- The columns of a chain, as they are compared and hashed: numbers and texts, which are what they are. {name,
        quoted, comparable, hashed} each. -#}
    {%- set columns = [] -%}
    {%- for name in chain.columns -%}
        {%- set quoted = quote_name(name) -%}
        {%- do columns.append({'name': name, 'quoted': quoted, 'comparable': '{}.' ~ quoted, 'hashed': quoted}) -%}
    {%- endfor -%}
    {%- do return(columns) -%}
{% endmacro %}
