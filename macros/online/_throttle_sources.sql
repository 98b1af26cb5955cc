{% macro _throttle_sources(schema, limits) %}
    {#- What throttle_signals reads: what the run has noted, and replicas, slots and archiver as the server shows them to this role. -#}
with throttle as (
    {%- if limits is none %}
    select
        t.*,
        case
            -- while a commit goes on, and its session lives
            when t.commit_ended_at is null and exists (select from pg_catalog.pg_stat_activity as a where a.pid = t.backend_pid)
            then greatest(t.commit_time, clock_timestamp() - t.commit_began_at)
            else t.commit_time
        end as latency
    from {{ schema }}.throttle as t
    {%- else %}
    select
        {{ quote_text(limits) }}::jsonb as limits,
        '{}'::text [] as replicas,
        null::bigint as bytes_when_begun,
        null::pg_lsn as wal_when_begun,
        null::interval as latency
    {%- endif %}
),

server as (
    select
        pg_size_bytes(current_setting('wal_segment_size')) as segment_bytes,
        case when not pg_is_in_recovery() then pg_current_wal_lsn() end as wal_position,
        format('have a superuser run `grant pg_read_all_stats to %I`', current_user) as grant_needed
),

slots as (
    select
        s.*,
        pg_wal_lsn_diff(server.wal_position, s.restart_lsn) as bytes
    from pg_catalog.pg_replication_slots as s
    cross join server
),

replicas as (
    select
        r.pid,
        r.application_name,
        slots.slot_name,
        slots.slot_type,
        -- who sees nothing of a replica sees not even this
        r.state is null as is_hidden,
        pg_wal_lsn_diff(server.wal_position, coalesce(r.replay_lsn, r.flush_lsn, r.write_lsn, slots.confirmed_flush_lsn, slots.restart_lsn)) as bytes
    from pg_catalog.pg_stat_replication as r
    cross join server
    left join slots on r.pid = slots.active_pid
    where r.state is null or r.state in ('streaming', 'catchup')
),

archiver as (
    select
        a.*,
        -- what is full and not archived yet: from the end of the segment that was last, or since filling began if none was
        server.segment_bytes * (
            trunc(pg_wal_lsn_diff(server.wal_position, '0/0') / server.segment_bytes)
            - coalesce(
                (
                    ('x' || substr(n.names[1], 9, 8))::bit(32)::bigint * 4294967296
                    + ('x' || substr(n.names[1], 17, 8))::bit(32)::bigint * server.segment_bytes
                ) / server.segment_bytes + 1,
                trunc(pg_wal_lsn_diff(coalesce(throttle.wal_when_begun, server.wal_position), '0/0') / server.segment_bytes)
            )
        ) as bytes
    from pg_catalog.pg_stat_archiver as a
    cross join server
    cross join throttle
    left join lateral regexp_matches(a.last_archived_wal, '^[0-9A-F]{24}') as n (names) on true
    where current_setting('archive_mode') in ('on', 'always')
)
{%- endmacro %}
