{% macro pause_while_loaded(table) %}
    {#- Holds nothing while it pauses: each second is a statement of its own, without locks or changes. -#}
    {#- Jinja has no `while`; a list that grows while it is walked does the same. -#}
    {%- set seconds = [0] -%}
    {%- for second in seconds -%}
        {%- set reasons = run_query(throttle_signals(target.schema)).rows | selectattr('pauses') | map(attribute='reason') | join('; ') -%}
        {%- if reasons -%}
            {%- if second % 10 == 0 -%}
                {%- do log('online: ' ~ table.name ~ ': paused for ' ~ second ~ ' s: ' ~ reasons, info=true) -%}
            {%- endif -%}
            {%- do run_query('select pg_sleep(1)') -%}
            {%- do seconds.append(second + 1) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
