{% macro blocking_sessions(tables, modes=none) %}
    {#- A query of one text: who holds locks on the tables, the oldest transaction first, prepared transactions
        included. Of another role's session, a role without privileges may see little more than the number. `modes` are
        the lock modes that count; all if none. -#}
select string_agg(held.description, '; ' order by held.since)
from (
    select
        concat(
            case
                when a.pid is null then format('prepared transaction %s of %s', p.gid, p.owner)
                when a.usesysid is null then 'autovacuum worker ' || a.pid::text || coalesce(' (' || nullif(a.query, '<insufficient privilege>') || ')', '')
                else format('session %s of %s (%s)', a.pid, a.usename, concat_ws(
                    ', ', coalesce(nullif(a.application_name, ''), 'no application name'), a.state,
                    'since ' || to_char(a.xact_start, 'HH24:MI:SS TZ')
                ))
            end,
            format(' holds %s on %s', string_agg(distinct l.mode, ', '), string_agg(distinct l.relation::regclass::text, ', '))
        ) as description,
        a.xact_start as since
    from pg_catalog.pg_locks as l
    left join pg_catalog.pg_stat_activity as a on l.pid = a.pid
    left join pg_catalog.pg_prepared_xacts as p on l.pid is null and l.virtualtransaction = '-1/' || p.transaction::text
    where
        l.granted
        and l.pid is distinct from pg_backend_pid()
        and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
        {%- if modes %}
        and l.mode in ({% for mode in modes %}{{ quote_text(mode) }}{{ ', ' if not loop.last }}{% endfor %})
        {%- endif %}
        and l.relation in (
            {%- for table in tables %}
            {{ quote_text(table.relation) }}::regclass{{ ',' if not loop.last }}
            {%- endfor %}

        )
    group by a.pid, a.usesysid, a.usename, a.application_name, a.state, a.query, a.xact_start, p.gid, p.owner
    order by a.xact_start
    limit 5
) as held
{%- endmacro %}
