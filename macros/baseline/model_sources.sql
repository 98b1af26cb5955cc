{% macro model_sources(model) %}
    {#- The sources that a model reads. -#}
    {%- set sources = [] -%}
    {%- for parent in model.depends_on.nodes if parent in graph.sources -%}{%- do sources.append(graph.sources[parent]) -%}{%- endfor -%}
    {%- do return(sources) -%}
{% endmacro %}
