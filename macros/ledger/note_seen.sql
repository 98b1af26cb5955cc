{% macro note_seen(audit_schema) %}
    {#- Two statements with which the session that looked on notes what it saw (the setting cms_id.seen, as JSON) of the plan that began since
        the setting cms_id.looks_since. A wait counts for the first lock that was released after it began: who waits while we wait
        for a lock waits for that one. Self-contained: the driver renders it. -#}
    {%- set schema = '"' ~ audit_schema.replace('"', '""') ~ '"' -%}
    {%- set seen -%}
jsonb_to_recordset(current_setting('cms_id.seen')::jsonb)
        as s (kind text, relation_name text, mode text, pid integer, since timestamptz, first_seen timestamptz, last_seen timestamptz)
    {%- endset -%}
insert into {{ schema }}.locks (began_at, command, table_name, step, relation_name, mode, taken_at, released_at)
select
    max(k.began_at),
    'migrate-online',
    m.table_name,
    format('%s: build the index', m.table_name),
    s.relation_name,
    s.mode,
    min(s.first_seen),
    max(s.last_seen)
from {{ seen }}
inner join {{ schema }}.migrations as m on format('%I.%I', m.schema_name, m.relation_name) = s.relation_name
inner join {{ schema }}.locks as k on k.command = 'migrate-online' and k.began_at >= current_setting('cms_id.looks_since')::timestamptz
where s.kind = 'builds' and m.migration_id = (select max(newest.migration_id) from {{ schema }}.migrations as newest)
group by m.table_name, s.relation_name, s.mode
on conflict do nothing;

update {{ schema }}.locks as l
set
    waiters = coalesce(w.waiters, 0),
    longest_wait = coalesce(w.longest_wait, '0')
from {{ schema }}.locks as own
left join (
    select
        behind.began_at,
        behind.step,
        behind.relation_name,
        behind.mode,
        count(*) as waiters,
        max(behind.waited) as longest_wait
    from (
        select distinct on (s.pid, s.since)
            k.*,
            s.last_seen - s.since as waited
        from {{ seen }}
        inner join {{ schema }}.locks as k
            on
                coalesce(s.relation_name = k.relation_name, k.mode = 'RowExclusiveLock')
                and k.began_at >= current_setting('cms_id.looks_since')::timestamptz
                and coalesce(k.released_at, 'infinity') >= s.since
        where s.kind = 'waits'
        order by s.pid, s.since, k.taken_at
    ) as behind
    group by behind.began_at, behind.step, behind.relation_name, behind.mode
) as w using (began_at, step, relation_name, mode)
where
    own.began_at >= current_setting('cms_id.looks_since')::timestamptz
    and (l.began_at, l.step, l.relation_name, l.mode) = (own.began_at, own.step, own.relation_name, own.mode)
{%- endmacro %}
