{% macro lock_table() %}
    {#- A query of one row: how many objects all sessions together may lock at once (`room`), `max_locks_per_transaction` with
        the number of sessions that it is multiplied by (`sessions`), and what a backup (`dump`) and a restore in place
        (`in_place`) lock in one transaction. Self-contained.
        The server's own sum counts its background processes too. Its tenth is left to everybody else, and to what each lock
        needs for each session that holds it: with the defaults, backups of 7,200 tables worked and of 7,700 failed where the
        sum is 7,872 (PostgreSQL 15), of 8,200 and 9,000 where it is 8,768 (18). -#}
select
    (s.per_session * s.sessions * 0.9)::bigint as room,
    s.sessions,
    -- pg_dump locks every table and reads every sequence; pg_get_viewdef locks views and what they read
    (
        select count(*)
        from pg_catalog.pg_class as c
        where c.relkind in ('r', 'p', 'S', 'v', 'm') and c.relpersistence <> 't' and c.oid >= 16384
    ) as dump,
    -- dropping locks an object of every kind, making it anew locks the relations once more
    (
        select 2 * count(*)
        from pg_catalog.pg_class as c
        where c.relkind <> 'c' and c.oid >= 16384
    )
    + (select count(*) from pg_catalog.pg_type as t where t.oid >= 16384)
    + (select count(*) from pg_catalog.pg_constraint as k where k.oid >= 16384)
    + (select count(*) from pg_catalog.pg_attrdef)
    + (select count(*) from pg_catalog.pg_trigger as t where t.oid >= 16384)
    + (select count(*) from pg_catalog.pg_rewrite as w where w.oid >= 16384) as in_place
from (
    select
        current_setting('max_locks_per_transaction')::bigint as per_session,
        sum(g.setting::bigint) + 1 as sessions
    from pg_catalog.pg_settings as g
    where
        g.name in ('max_connections', 'max_prepared_transactions', 'max_worker_processes', 'max_wal_senders')
        or g.name = case
            when current_setting('server_version_num')::integer >= 180000 then 'autovacuum_worker_slots' else 'autovacuum_max_workers'
        end
) as s
{%- endmacro %}
