{% macro run_plan(plan) %}
    {#- Runs a plan statement by statement, telling each: `3 of 40 START ...`. -#}
    {%- for step in plan -%}
        {%- set label = loop.index ~ ' of ' ~ loop.length -%}
        {%- do log(label ~ ' START ' ~ step.label, info=true) -%}
        {%- do run_query(step.sql) -%}
    {%- endfor -%}
    {%- do log(plan | length ~ ' of ' ~ plan | length ~ ' OK', info=true) -%}
{% endmacro %}
