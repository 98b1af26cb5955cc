{% macro lock_waits() %}
    {#- What another session sees of the runner: who waits for it, since when, what it has locked, and how far it is. Self-contained: the
        driver renders it. -#}
with runner as materialized (
{{ runner_session() }}
)

select
    'waits' as kind,
    case when w.locktype <> 'transactionid' then format('%I.%I', n.nspname, c.relname) end as relation_name,
    w.mode,
    w.pid,
    w.waitstart as since,
    statement_timestamp() as seen_at
from runner as r
cross join pg_catalog.pg_locks as w
left join pg_catalog.pg_class as c on w.relation = c.oid
left join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where
    not w.granted
    and w.waitstart is not null
    and w.locktype in ('relation', 'tuple', 'transactionid')
    and r.pid = any(pg_blocking_pids(w.pid))
union all
select
    case when r.state = 'active' and r.query like '%index concurrently%' then 'builds' else 'holds' end as kind,
    format('%I.%I', n.nspname, c.relname) as relation_name,
    l.mode,
    l.pid,
    null::timestamptz as since,
    statement_timestamp() as seen_at
from runner as r
inner join pg_catalog.pg_locks as l on r.pid = l.pid
inner join pg_catalog.pg_class as c on l.relation = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where
    l.granted
    and l.mode not in ('AccessShareLock', 'RowShareLock', 'SIReadLock')
    and c.relkind in ('r', 'p')
    and n.nspname !~ '^pg_'
union all
select
    'step' as kind,
    {{ window_step_words() | indent(4) }} as relation_name,
    null as mode,
    a.pid,
    null::timestamptz as since,
    statement_timestamp() as seen_at
from runner as a
{%- endmacro %}
