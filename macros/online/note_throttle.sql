{% macro note_throttle(resumed) %}
    {#- The statement that notes what this run's throttle goes by, for it and for whoever asks how things stand: its limits, the
        replicas that are there, and the size of things. What somebody said of the disk was said when it began. -#}
insert into {{ audit_relation('throttle') }} as t (began_at, backend_pid, limits, replicas, bytes_when_begun, wal_when_begun)
select
    clock_timestamp(),
    pg_backend_pid(),
    {{ quote_text(throttle_limits()) }}::jsonb,
    array(
        select r.application_name
        from pg_catalog.pg_stat_replication as r
        where
            r.application_name <> 'pg_basebackup'
            and coalesce(r.state, '') <> 'backup'
            and not exists (select from pg_catalog.pg_replication_slots as s where s.active_pid = r.pid and s.slot_type = 'logical')
    ),
    pg_database_size(current_database()),
    pg_current_wal_lsn()
on conflict (only_row) do update set
    began_at = excluded.began_at,
    backend_pid = excluded.backend_pid,
    limits = excluded.limits,
    replicas = excluded.replicas,
    {%- if resumed %}
    bytes_when_begun = case when t.limits -> 'server_disk_free' = excluded.limits -> 'server_disk_free' then t.bytes_when_begun else excluded.bytes_when_begun end,
    wal_when_begun = case when t.limits -> 'server_disk_free' = excluded.limits -> 'server_disk_free' then t.wal_when_begun else excluded.wal_when_begun end,
    {%- else %}
    bytes_when_begun = excluded.bytes_when_begun,
    wal_when_begun = excluded.wal_when_begun,
    {%- endif %}
    commit_began_at = null,
    commit_ended_at = null,
    commit_time = null
{%- endmacro %}
