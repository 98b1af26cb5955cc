{% macro _load_signals() %}
    {#- Of throttle_signals: who waits, how long commits take, and what is free on the disk. -#}
select
    'waiting_sessions',
    '',
    w.sessions::text,
    throttle.limits ->> 'max_waiting_sessions',
    w.sessions > (throttle.limits ->> 'max_waiting_sessions')::integer,
    format('%s sessions wait', w.sessions),
    -- that they wait for a lock is shown to all
    (
        select format('what sessions of %s wait for, other than locks, cannot be seen by %s', string_agg(u.usename, ', ' order by u.usename), current_user)
        from ({{ unseen_sessions() }}) as u
        having count(*) > 0
    ),
    server.grant_needed
from throttle
cross join server
cross join (
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

union all

select
    'commit_latency',
    '',
    format('%s ms', l.milliseconds),
    throttle.limits ->> 'max_commit_latency',
    throttle.latency > (throttle.limits ->> 'max_commit_latency')::interval,
    format('a commit takes %s ms', l.milliseconds),
    null,
    null
from throttle
cross join lateral (select round(extract(epoch from throttle.latency) * 1000)) as l (milliseconds)
where throttle.latency is not null

union all

select
    'disk_free',
    '',
    pg_size_pretty(d.bytes),
    throttle.limits ->> 'min_disk_free',
    d.bytes < pg_size_bytes(throttle.limits ->> 'min_disk_free'),
    format('the server''s disk has about %s free', pg_size_pretty(d.bytes)),
    null,
    null
from throttle
cross join server
cross join lateral (
    -- WAL that nobody needs any more is written over, so it grows to max_wal_size, and beyond that only by what is held back
    select
        pg_size_bytes(throttle.limits ->> 'server_disk_free')
        - (pg_database_size(current_database()) - throttle.bytes_when_begun)
        - least(
            pg_wal_lsn_diff(server.wal_position, throttle.wal_when_begun),
            greatest(pg_size_bytes(current_setting('max_wal_size')), (select max(s.bytes) from slots as s), (select max(a.bytes) from archiver as a))
        ) as bytes
) as d
where throttle.limits ->> 'server_disk_free' <> '' and throttle.bytes_when_begun is not null
{%- endmacro %}
