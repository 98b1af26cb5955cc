{% macro chain_sources(chain) %}
    {#- The sources that a chain's model reads. -#}
    {%- set sources = [] -%}
    {%- for parent in chain.depends_on.nodes if parent in graph.sources -%}{%- do sources.append(graph.sources[parent]) -%}{%- endfor -%}
    {%- do return(sources) -%}
{% endmacro %}
