{% macro take_runner_lock(scope='transaction') %}
    {#- Held to the end of the transaction (window mode) or of the session (online mode); one key for both. Polled, never
        waited for: a session that waits holds a snapshot, which a concurrent index build would wait for in turn. The key is
        this project's own, so it meets no other application's locks. -#}
do $cms_id$
declare
    other text;
begin
    for attempt in 1 .. {{ 20 if scope == 'session' else 1 }} loop
        if {{ 'pg_try_advisory_lock' if scope == 'session' else 'pg_try_advisory_xact_lock' }}(hashtextextended('cms_id_tracking: runner', 0)) then
            return;
        end if;
        {%- if scope == 'session' %}
        -- the session of a runner that was killed takes a moment to notice
        commit;
        perform pg_sleep(0.25);
        {%- endif %}
    end loop;
    -- of another role's session, a role without privileges may see little more than the number
    select string_agg(format('session %s of %s (%s)', a.pid, a.usename, concat_ws(
        ', ', coalesce(nullif(a.application_name, ''), 'no application name'),
        'since ' || to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ')
    )), ', ')
    into other
    from ({{ runner_session() | indent(4) }}) as a;
    raise exception 'another run is migrating or taking the baseline: %', coalesce(other, 'it has just ended')
        using errcode = 'lock_not_available',
        hint = 'Nothing was changed. Wait until it has ended, then run the same command again.';
end
$cms_id$
{% endmacro %}
