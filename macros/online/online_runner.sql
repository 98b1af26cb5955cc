{% macro online_runner(audit_schema) %}
    {#- The session that migrates or takes the baseline, with the sessions that it waits for and that wait for it. Whether somebody's
        pause has begun is an event of its own. Self-contained: the driver renders it. -#}
    {%- set schema = quote_name(audit_schema) -%}
    {%- set session -%}
format('session %s of %s (%s)', w.pid, w.usename, coalesce(nullif(w.application_name, ''), 'no application name'))
    {%- endset -%}
select
    a.pid,
    a.usename::text as role,
    a.application_name,
    {{ window_step_words() | indent(4) }} as step,
    coalesce((
        select e.event = 'paused'
        from {{ schema }}.events as e
        where e.event in ('paused', 'went on') and e.backend_pid = a.pid
        order by e.event_id desc
        limit 1
    ), false) as paused,
    array(
        select {{ session }}
        from pg_catalog.pg_stat_activity as w
        where w.pid = any(pg_blocking_pids(a.pid))
        order by w.pid
    ) as waits_for,
    array(
        select {{ session }}
        from pg_catalog.pg_stat_activity as w
        where
            w.pid in (select l.pid from pg_catalog.pg_locks as l where not l.granted)
            and a.pid = any(pg_blocking_pids(w.pid))
        order by w.pid
    ) as waited_for_by
from ({{ runner_session() | indent(4) }}) as a
order by a.pid
limit 1
{%- endmacro %}
