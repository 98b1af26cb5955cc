{% macro pause_when_told(table) %}
    {#- Waits while somebody has paused the migration. Holds nothing meanwhile: each second is a statement of its own, without locks
        or changes. That it pauses is an event, so that `status` knows it, whichever session asks. -#}
    {%- set query = 'select sentence from (' ~ controls_in_force(target.schema) ~ ") as c where c.action = 'pause' order by c.control_id" -%}
    {#- Jinja has no `while`; a list that grows while it is walked does the same. -#}
    {%- set seconds = [0] -%}
    {%- for second in seconds -%}
        {%- set pauses = run_query(query).columns[0].values() | join('; ') -%}
        {%- if pauses -%}
            {%- if second == 0 -%}
                {%- do record_event('paused', table.name, pauses) -%}
            {%- endif -%}
            {%- if second % 600 == 0 -%}
                {%- do log('online: ' ~ table.name ~ ': ' ~ pauses ~ '. Nothing is locked; to go on: scripts/cmsid resume', info=true) -%}
            {%- endif -%}
            {%- do run_query('select pg_sleep(1)') -%}
            {%- do seconds.append(second + 1) -%}
        {%- elif second -%}
            {%- do record_event('went on', table.name, 'paused for about ' ~ second ~ ' s') -%}
            {%- do log('online: ' ~ table.name ~ ': goes on', info=true) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
