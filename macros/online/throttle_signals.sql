{% macro throttle_signals(audit_schema, limits=none) %}
    {#- Every signal by which filling may pause, as far as it exists here: one row for each thing that it is about. Who runs the
        migration notes its limits in `throttle`, so that whoever asks applies the same; before that they are given.
        Self-contained: the driver renders it too. -#}
    {%- set schema = '"' ~ audit_schema.replace('"', '""') ~ '"' -%}
with throttle as (
    {%- if limits is none %}
    select
        t.began_at,
        t.limits
    from {{ schema }}.throttle as t
    {%- else %}
    select
        clock_timestamp() as began_at,
        {{ quote_text(limits) }}::jsonb as limits
    {%- endif %}
),

signals (signal, object_name, value, limit_text, is_over, hidden, remedy, reason) as (
    select
        'replica_lag',
        lag.object_name,
        pg_size_pretty(lag.bytes),
        lag.limit_text,
        lag.bytes > pg_size_bytes(lag.limit_text),
        '',
        '',
        format('a replica is %s behind', pg_size_pretty(lag.bytes))
    from (
        select
            r.application_name as object_name,
            t.limits ->> 'max_replica_lag' as limit_text,
            pg_wal_lsn_diff(
                case when pg_is_in_recovery() then null else pg_current_wal_lsn() end, coalesce(r.replay_lsn, r.flush_lsn, r.write_lsn)
            ) as bytes
        from pg_catalog.pg_stat_replication as r
        cross join throttle as t
        where r.state in ('streaming', 'catchup')
    ) as lag

    union all

    select
        'waiting_sessions',
        '',
        w.sessions::text,
        t.limits ->> 'max_waiting_sessions',
        w.sessions > (t.limits ->> 'max_waiting_sessions')::integer,
        '',
        '',
        format('%s sessions wait', w.sessions)
    from throttle as t
    cross join (
        -- what sessions wait for is shown to members of pg_monitor only; that they wait for a lock, to all
        select count(distinct waiting.pid) as sessions
        from (
            select l.pid
            from pg_catalog.pg_locks as l
            where not l.granted

            union all

            select a.pid
            from pg_catalog.pg_stat_activity as a
            where
                a.state = 'active'
                and a.backend_type = 'client backend'
                and a.wait_event_type in ('Lock', 'LWLock', 'BufferPin', 'Buffer', 'IO', 'IPC')
        ) as waiting
        where waiting.pid <> pg_backend_pid()
    ) as w
    {%- if limits is none %}

    union all

    select
        'paused',
        c.control_id::text,
        'by hand',
        '',
        true,
        '',
        '',
        c.given
    from ({{ controls_in_force(audit_schema) | indent(4) }}) as c
    where c.action = 'pause'
    {%- endif %}
)

select
    s.signal,
    s.object_name,
    s.value,
    s.limit_text,
    coalesce(s.is_over, false) as pauses,
    concat_ws(': ', nullif(s.hidden, ''), nullif(s.remedy, '')) as unreadable,
    s.reason
from signals as s
order by s.signal, s.object_name
{%- endmacro %}
