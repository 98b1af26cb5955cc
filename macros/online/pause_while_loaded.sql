{% macro pause_while_loaded(table, only_by_hand=false) %}
    {#- Waits while a signal says so. Holds nothing meanwhile: each second is a statement of its own, without locks or changes. That
        somebody's pause has begun is an event, so that `status` knows it from one that waits for the end of a step. -#}
    {#- Jinja has no `while`; a list that grows while it is walked does the same. -#}
    {%- set seconds = [0] -%}
    {%- set noted = [''] -%}
    {%- for second in seconds -%}
        {%- set pausing = run_query(throttle_signals(target.schema)).rows | selectattr('pauses') | list -%}
        {%- set by_hand = pausing | selectattr('signal', 'equalto', 'paused') | map(attribute='reason') | join('; ') -%}
        {%- set reasons = by_hand if only_by_hand else pausing | map(attribute='reason') | join('; ') -%}
        {%- if (by_hand == '') != (noted[-1] == '') -%}
            {%- do record_event('paused' if by_hand else 'went on', table.name, by_hand or 'after ' ~ second ~ ' s') -%}
        {%- endif -%}
        {%- if reasons and (second % (600 if by_hand else 10) == 0 or by_hand != noted[-1]) -%}
            {%- do log('online: ' ~ table.name ~ ': paused for ' ~ second ~ ' s: ' ~ reasons
                ~ (' (to go on: scripts/cmsid resume)' if by_hand), info=true) -%}
        {%- endif -%}
        {%- do noted.append(by_hand) -%}
        {%- if reasons -%}
            {%- do run_query('select pg_sleep(1)') -%}
            {%- do seconds.append(second + 1) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
