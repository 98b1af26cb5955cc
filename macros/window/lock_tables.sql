{% macro lock_tables(tables) %}
    {#- All tables or none. While one attempt waits, everyone who comes behind it waits too: so each attempt is short,
        the pauses between are random, and the last one names the session in the way. A deadlock, too, ends an attempt. -#}
do $cms_id$
declare
    attempts constant integer := {{ var('lock_attempts') | int }};
    blockers text;
begin
    for attempt in 1 .. attempts loop
        begin
            lock table
                {{ tables | map(attribute='relation') | join(',\n                ') }}
            in access exclusive mode;
            return;
        exception when lock_not_available or deadlock_detected then
            -- the locks of this attempt are released with its block; a prepared transaction holds locks without a session
            select string_agg(distinct concat(
                coalesce(
                    format('session %s of %s (%s)', a.pid, a.usename, concat_ws(
                        ', ', coalesce(nullif(a.application_name, ''), 'no application name'), a.state,
                        'since ' || to_char(a.xact_start, 'HH24:MI:SS')
                    )),
                    format('prepared transaction %s of %s', p.gid, p.owner)
                ),
                format(' holds %s on %s', l.mode, l.relation::regclass)
            ), '; ')
            into blockers
            from pg_catalog.pg_locks as l
            left join pg_catalog.pg_stat_activity as a on l.pid = a.pid
            left join pg_catalog.pg_prepared_xacts as p on l.pid is null and l.virtualtransaction = '-1/' || p.transaction::text
            where
                l.granted
                and l.pid is distinct from pg_backend_pid()
                and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
                and l.relation in (
                    {% for table in tables %}{{ quote_text(table.relation) }}::regclass{{ ', ' if not loop.last }}{% endfor %}

                );
            perform pg_sleep(0.1 + random() * 0.4);
        end;
    end loop;
    raise exception 'the core tables could not be locked in % attempts of {{ var('lock_timeout') }} each: %',
        attempts, coalesce(blockers, 'the session in the way has gone')
        using errcode = 'lock_not_available',
        hint = 'Nothing was changed. End that session or wait for it, then run the same command again.';
end
$cms_id$
{% endmacro %}
