{% macro load_query() %}
    {#- Why filling should pause now, as one text, or an empty one: a replica that lags, or sessions that wait. How far replicas are
        is shown to members of pg_monitor only, what sessions wait for to them too; that they wait for a lock, to all. -#}
select concat_ws(
    '; ',
    (
        select
            'a replica is ' || pg_size_pretty(max(lag.bytes)) || ' behind'
        from (
            select pg_wal_lsn_diff(
                case when pg_is_in_recovery() then null else pg_current_wal_lsn() end, coalesce(replay_lsn, flush_lsn, write_lsn)
            ) as bytes
            from pg_catalog.pg_stat_replication
            where state in ('streaming', 'catchup')
        ) as lag
        having max(lag.bytes) > pg_size_bytes({{ quote_text(var('max_replica_lag')) }})
    ),
    (
        select count(distinct waiting.pid)::text || ' sessions wait'
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
                and a.wait_event_type in ('Lock', 'LWLock', 'BufferPin', 'IO', 'IPC')
        ) as waiting
        where waiting.pid <> pg_backend_pid()
        having count(distinct waiting.pid) > {{ var('max_waiting_sessions') | int }}
    )
) as reasons
{%- endmacro %}
