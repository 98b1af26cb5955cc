{% macro chain_query(chain, kept) %}
    {#- The text of a chain's model, which reads the kept rows, or the tables themselves. -#}
    {%- set query = namespace(text=chain.raw_code) -%}
    {%- for node in chain_sources(chain) -%}
        {%- set relation = baseline_rows(node.name) if kept else quote_name(node.schema) ~ '.' ~ quote_name(node.identifier) -%}
        {%- set reference = '{' ~ "{ source('" ~ node.source_name ~ "', '" ~ node.name ~ "') }" ~ '}' -%}
        {%- set query.text = query.text.replace(reference, relation) -%}
    {%- endfor -%}
    {%- do return(query.text) -%}
{% endmacro %}
