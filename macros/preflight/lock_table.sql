{% macro lock_table(objects=0) %}
    {#- A query of one row: how many objects all sessions together may lock at once (`room`), `max_locks_per_transaction` with
        the number of sessions that it is multiplied by (`sessions`), and what a backup (`dump`) and a restore in place
        (`in_place`) lock in one transaction; `objects` are those of the backup, for where the database has lost some. Self-contained.
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
    -- dropping locks each object and each part of one; making them anew locks about as many again
    (
        select ceil(1.1 * count(*) + 1.2 * greatest(count(*), {{ objects }}))::bigint + 100
        from (
            select distinct
                d.classid,
                d.objid
            from pg_catalog.pg_depend as d
            where
                d.objid >= 16384
                and not exists (select 1 from pg_catalog.pg_depend as e where e.classid = d.classid and e.objid = d.objid and e.deptype = 'e')

            union all

            select
                'pg_catalog.pg_largeobject'::regclass,
                l.oid
            from pg_catalog.pg_largeobject_metadata as l
        ) as o
    ) as in_place
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
