{% macro pause_while_loaded(table, only_by_hand=false) %}
    {#- Waits while a signal says so. Holds nothing meanwhile: each second is a statement of its own, without locks or changes. Says why
        when it begins, when the causes become others, and every ten seconds. That somebody's pause has begun is an event, so that `status`
        knows it from one that waits for the end of a step. So is another pause that is over, and a signal that it goes without. -#}
    {#- Jinja has no `while`; a list that grows while it is walked does the same. -#}
    {%- set seconds = [0] -%}
    {%- set noted = [''] -%}
    {%- set causes = [''] -%}
    {%- set throttled = [] -%}
    {%- for second in seconds -%}
        {%- do run_query(time_commit()) if not only_by_hand -%}
        {%- set signals = run_query(throttle_signals(target.schema)).rows -%}
        {%- set pausing = signals | selectattr('pauses') | list -%}
        {%- set by_hand = pausing | selectattr('signal', 'equalto', 'paused') | map(attribute='reason') | join('; ') -%}
        {%- set by_load = '' if only_by_hand else pausing | rejectattr('signal', 'equalto', 'paused') | map(attribute='reason') | join('; ') -%}
        {%- set cause = by_hand if only_by_hand else pausing | map(attribute='signal') | join(' ') ~ by_hand -%}
        {%- if (by_hand == '') != (noted[-1] == '') -%}
            {%- do record_event('paused' if by_hand else 'went on', table.name, by_hand or 'after ' ~ second ~ ' s') -%}
        {%- endif -%}
        {%- if cause and (second % (10 if by_load else 600) == 0 or cause != causes[-1]) -%}
            {%- do log('online: ' ~ table.name ~ ': paused ' ~ ('for ' ~ second ~ ' s: ' if by_load else '') ~ [by_hand, by_load] | select | join('; ')
                ~ (' (to go on: scripts/cmsid resume)' if by_hand), info=true) -%}
            {%- do throttled.append(by_load) if by_load and cause != causes[-1] -%}
        {%- endif -%}
        {%- do noted.append(by_hand) -%}
        {%- do causes.append(cause) -%}
        {%- if cause -%}
            {%- do run_query('select pg_sleep(1)') -%}
            {%- do seconds.append(second + 1) -%}
        {%- elif not only_by_hand -%}
            {%- do record_event('throttled', table.name, 'for ' ~ second ~ ' s: ' ~ throttled | join('; then ')) if throttled -%}
            {%- for signal in signals if signal['unreadable'] -%}
                {%- do run_query(log_unread(signal['signal'], signal['hidden'])) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
