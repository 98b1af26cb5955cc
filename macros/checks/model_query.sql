{% macro model_query(name) %}
    {#- The query of an ephemeral model of ours, in brackets, for a check that reads it once. A ref that is rendered has dbt put that query in
        front of the check, and for that take the check's SQL apart, token by token: a fifth of the processor time of all checks. -#}
    {%- if not execute -%}{%- do return(ref(name)) -%}{%- endif -%}
    {%- do return('(\n' ~ render(graph.nodes['model.cms_id_tracking.' ~ name].raw_code) ~ '\n)') -%}
{% endmacro %}
