{% macro print_plan(plan) %}
    {#- The same statements as run_plan would send, as a script that any client can run. -#}
    {%- for step in plan -%}
        {%- do print('-- ' ~ loop.index ~ ' of ' ~ loop.length ~ ': ' ~ step.label ~ '\n' ~ step.sql | trim ~ ';\n') -%}
    {%- endfor -%}
{% endmacro %}
