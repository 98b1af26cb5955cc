{% macro under_short_locks(tables, step, body, kept) %}
    {#- A statement that runs `body`, in one transaction, under exclusive locks on the tables. While an attempt waits for a
        lock, the application queues behind it: so the first attempts do not wait at all, the others for
        online_lock_timeout in all, and less than deadlock_timeout, so that it is always this side that gives way. An autovacuum
        alone is waited for longer, under a lock that makes no reader or writer wait. Between attempts nothing is held. The
        commit need not reach the disk before the locks go: whatever the application commits behind it is written behind it. -#}
do $cms_id$
declare
    attempts constant integer := {{ var('online_lock_attempts') | int }};
    longest interval;
    deadline timestamptz;
    locked_at timestamptz;
    blockers text;
    vacuumed text;
    in_vain boolean := false;
    locked boolean;
begin
    perform set_config('lock_timeout', {{ quote_text(var('online_lock_timeout')) }}, true);
    select least(
        min(setting::integer) filter (where name = 'lock_timeout'),
        min(setting::integer) filter (where name = 'deadlock_timeout') / 2
    ) * interval '1 ms'
    into longest
    from pg_catalog.pg_settings
    where name in ('lock_timeout', 'deadlock_timeout');
    perform {{ note_locks('', step) }}; -- so that it is planned before anything is locked
    for attempt in 1 .. attempts loop
        perform set_config('synchronous_commit', 'off', true);
        begin
            {{ end_vacuum() | indent(12) }}
            deadline := clock_timestamp() + longest;
            {%- for table in tables %}
            if attempt <= 5 then
                lock table {{ table.relation }} in access exclusive mode nowait;
            else
                perform set_config('lock_timeout', format('%sms', greatest(1, extract(epoch from deadline - clock_timestamp()) * 1000)::integer), true);
                lock table {{ table.relation }} in access exclusive mode;
            end if;
            {%- if loop.first %}
            locked_at := clock_timestamp();
            {%- endif %}
            {%- endfor %}
            perform set_config('lock_timeout', format('%sms', greatest(1, extract(epoch from longest) * 1000)::integer), true);
            {{ body | trim | indent(12) }}
            perform {{ note_locks(tables[0].name if tables | length == 1 else '', step, 'locked_at') }};
            locked := true;
        exception when lock_not_available or deadlock_detected then
            -- the locks of this attempt are released with its block
            blockers := ({{ blocking_sessions(tables) | indent(16) }});
            vacuumed := case when not in_vain then ({{ vacuumed_table(tables) | indent(16) }}) end;
        end;
        commit;
        if locked then
            perform set_config('synchronous_commit', 'off', true);
            {{ note_release() | indent(12) }};
            return;
        end if;
        perform pg_sleep((0.02 + random() * 0.1) * least(attempt, 10));
    end loop;
    raise exception '% could not be locked in % attempts of at most % ms each: %',
        {{ quote_text(tables[0].name if tables | length == 1 else 'the core tables') }}, attempts, extract(epoch from longest) * 1000,
        coalesce(blockers, 'the session in the way has gone')
        using errcode = 'lock_not_available',
        hint = {{ quote_text(kept ~ ' End that session or wait for it, then run the same command again. An autovacuum gives way by itself, unless it prevents wraparound.') }};
end
$cms_id$
{%- endmacro %}
