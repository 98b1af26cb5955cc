{% macro blocking_sessions(tables, modes=none) %}
    {#- A query of one text: who holds locks on the tables, the oldest transaction first, prepared transactions included. -#}
select string_agg(held.description, '; ' order by held.since)
from (
    select
        case
            when l.pid is null then format('a prepared transaction holds %s on %s', string_agg(distinct l.mode, ', '), min(l.relation::regclass::text))
            else format(
                'session %s of %s (%s, %s since %s) holds %s on %s',
                l.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no application name'), a.state,
                to_char(a.xact_start, 'HH24:MI:SS'), string_agg(distinct l.mode, ', '), min(l.relation::regclass::text)
            )
        end as description,
        a.xact_start as since
    from pg_catalog.pg_locks as l
    left join pg_catalog.pg_stat_activity as a on l.pid = a.pid
    where
        l.granted
        and l.pid is distinct from pg_backend_pid()
        {%- if modes %}
        and l.mode in ({% for mode in modes %}{{ quote_text(mode) }}{{ ', ' if not loop.last }}{% endfor %})
        {%- endif %}
        and l.relation in (
            {%- for table in tables %}
            {{ quote_text(table.relation) }}::regclass{{ ',' if not loop.last }}
            {%- endfor %}
        )
    group by l.pid, a.usename, a.application_name, a.state, a.xact_start
    order by a.xact_start
    limit 5
) as held
{%- endmacro %}
