{% macro print_plan(plan, mode) %}
    {#- The same statements as run_plan would send, as a script that any client can run and squawk can judge. -#}
    {#- Audit tables of an earlier version lack what this plan writes to. -#}
    {%- if audit_table_exists('migrations') and not audit_table_exists('locks') -%}
        {%- set plan = [{'label': 'add the audit tables that are missing', 'sql': audit_tables_ddl(target.schema) | trim | trim(';')}] + plan -%}
    {%- endif -%}
    {%- for rule, reason in lint_exceptions(mode).items() -%}
        {%- do print('-- ' ~ reason ~ '\n-- squawk-ignore-file ' ~ rule) -%}
    {%- endfor -%}
    {%- for step in plan -%}
        {%- do print('\n-- ' ~ loop.index ~ ' of ' ~ loop.length ~ ': ' ~ step.label ~ '\n' ~ step.sql | trim ~ ';') -%}
    {%- endfor -%}
{% endmacro %}
