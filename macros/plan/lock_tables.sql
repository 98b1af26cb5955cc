{% macro lock_tables(tables, lock_mode='access exclusive') %}
    {#- All tables or none. While one attempt waits, everyone who comes behind it waits too: so each attempt is short, all
        tables together, the pauses between are random, and the last one names the session in the way. A deadlock, too, ends
        an attempt. So that an autovacuum does not outlast them all, the next attempt has the server end it. -#}
do $cms_id$
declare
    attempts constant integer := {{ var('lock_attempts') | int }};
    longest interval;
    deadline timestamptz;
    blockers text;
    vacuumed text;
    in_vain boolean := false;
begin
    perform set_config('lock_timeout', {{ quote_text(var('lock_timeout')) }}, true);
    longest := (select setting::bigint from pg_catalog.pg_settings where name = 'lock_timeout') * interval '1 ms';
    for attempt in 1 .. attempts loop
        begin
            {{ end_vacuum() | indent(12) }}
            deadline := clock_timestamp() + longest;
            perform set_config('cms_id.locked_since', clock_timestamp()::text, true);
            {%- for table in tables %}
            if longest > interval '0' then
                perform set_config('lock_timeout', format('%sms', greatest(1, extract(epoch from deadline - clock_timestamp()) * 1000)::integer), true);
            end if;
            lock table {{ table.relation }} in {{ lock_mode }} mode;
            {%- if lock_mode == 'access exclusive' %}
            perform {{ note_locks(table.name, 'lock ' ~ tables | length ~ ' tables', 'clock_timestamp()') }};
            {%- endif %}
            {%- endfor %}
            -- what follows in the transaction waits as long as it was told to, not what is left of this attempt
            perform set_config('lock_timeout', {{ quote_text(var('lock_timeout')) }}, true);
            {%- if var('window_budget') %}
            -- from here on, also where no further statement comes
            perform l.* from ({{ budget_limits() | indent(12) }}) as l;
            {%- endif %}
            return;
        exception when lock_not_available or deadlock_detected then
            -- the locks of this attempt are released with its block; the list of sessions is read once in a transaction
            perform pg_stat_clear_snapshot();
            blockers := ({{ blocking_sessions(tables) | indent(16) }});
            vacuumed := case when not in_vain then ({{ vacuumed_table(tables) | indent(16) }}) end;
            perform pg_sleep(0.1 + random() * 0.4);
        end;
    end loop;
    raise exception 'the core tables could not be locked in % attempts of {{ var('lock_timeout') }} each: %',
        attempts, coalesce(blockers, 'the session in the way has gone')
        using errcode = 'lock_not_available',
        hint = 'Nothing was changed. End that session or wait for it, then run the same command again. An autovacuum gives way by itself, unless it prevents wraparound.';
end
$cms_id$
{% endmacro %}
