{% macro lock_tables(tables) %}
    {#- All tables or none. While one attempt waits, everyone who comes behind it waits too: so each attempt is short,
        the pauses between are random, and the last one names the session in the way. -#}
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
        exception when lock_not_available then
            -- the locks of this attempt are released with its block
            select string_agg(distinct format(
                'session %s of %s (%s, %s since %s) holds %s on %s',
                a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no application name'), a.state,
                to_char(a.xact_start, 'HH24:MI:SS'), l.mode, l.relation::regclass
            ), '; ')
            into blockers
            from pg_catalog.pg_locks as l
            inner join pg_catalog.pg_stat_activity as a on l.pid = a.pid
            where
                l.granted
                and l.pid <> pg_backend_pid()
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
