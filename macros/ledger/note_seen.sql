{% macro note_seen(audit_schema) %}
    {#- Two statements with which the session that looked on notes what it saw (the setting cms_id.seen, as JSON) of the plan that began since
        the setting cms_id.looks_since. A wait counts for the first lock that was released after it began: who waits while we wait
        for a lock waits for that one. Who waits at the last look before the release, waits until then. Of a lock at which nobody
        looked while it was held, nothing is noted. Self-contained: the driver renders it. -#}
    {%- set schema = quote_name(audit_schema) -%}
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

with seen as materialized (
    select s.*
    from {{ seen }}
),

plan as (
    select
        k.*,
        max(h.last_seen) as last_look
    from {{ schema }}.locks as k
    left join seen as h
        on
            h.kind <> 'waits'
            and h.relation_name = k.relation_name
            and h.mode = k.mode
            and h.first_seen <= coalesce(k.released_at, 'infinity')
            and h.last_seen >= k.taken_at
    where k.began_at >= current_setting('cms_id.looks_since')::timestamptz
    group by k.began_at, k.step, k.relation_name, k.mode
),

waits as (
    select distinct on (s.pid, s.since)
        p.began_at,
        p.step,
        p.relation_name,
        p.mode,
        greatest(
            s.last_seen,
            case
                when
                    p.longest_held is null
                    and s.last_seen >= p.last_look
                    and p.last_look > p.released_at - interval '1 s' -- else the looks ended before the lock did
                    then p.released_at
            end,
            s.since
        ) - s.since as waited
    from seen as s
    inner join plan as p
        on
            coalesce(s.relation_name = p.relation_name, p.mode = 'RowExclusiveLock')
            and coalesce(p.released_at, 'infinity') >= s.since
    where s.kind = 'waits'
    order by s.pid, s.since, p.taken_at
)

update {{ schema }}.locks as l
set
    waiters = found.waiters,
    longest_wait = found.longest_wait
from (
    select
        p.began_at,
        p.step,
        p.relation_name,
        p.mode,
        case when p.last_look is not null or count(w.waited) > 0 then count(w.waited) end as waiters,
        coalesce(max(w.waited), case when p.last_look is not null then interval '0' end) as longest_wait
    from plan as p
    left join waits as w using (began_at, step, relation_name, mode)
    group by p.began_at, p.step, p.relation_name, p.mode, p.last_look
) as found
where (l.began_at, l.step, l.relation_name, l.mode) = (found.began_at, found.step, found.relation_name, found.mode)
{%- endmacro %}
