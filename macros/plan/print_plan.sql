{% macro print_plan(plan, mode) %}
    {#- The same statements as run_plan would send, as a script that any client can run and squawk can judge. -#}
    {%- for rule, reason in lint_exceptions(mode).items() -%}
        {%- do print('-- ' ~ reason ~ '\n-- squawk-ignore-file ' ~ rule) -%}
    {%- endfor -%}
    {%- for step in plan -%}
        {%- do print('\n-- ' ~ loop.index ~ ' of ' ~ loop.length ~ ': ' ~ step.label ~ '\n' ~ step.sql | trim ~ ';') -%}
    {%- endfor -%}
{% endmacro %}
