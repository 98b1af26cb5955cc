{% macro run_online_plan(plan) %}
    {#- Sends the statements of online_plan; the same ones that a dry run prints. -#}
    {%- for step in plan -%}
        {%- if step.table is defined -%}
            {%- do pause_while_loaded(step.table, only_by_hand=true) -%}
        {%- endif -%}
        {%- if step.kind == 'fill' -%}
            {%- do fill_table(step) -%}
        {%- else -%}
            {%- do log('online: ' ~ step.label, info=true) -%}
            {%- if step.kind == 'index' -%}
                {%- do build_index(step.table) -%}
            {%- else -%}
                {%- do run_query(step.sql) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
