{% macro chain_query(chain, kept) %}
    {#- The query of a chain's model, which reads the kept rows, or the tables themselves. -#}
    {%- set query = namespace(text=render(chain.raw_code)) -%}
    {%- for node in (model_sources(chain) if kept else []) -%}
        {%- set query.text = query.text.replace(node.relation_name, baseline_rows(node.name)) -%}
    {%- endfor -%}
    {%- do return(query.text) -%}
{% endmacro %}
