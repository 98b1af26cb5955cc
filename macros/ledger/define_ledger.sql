{% macro define_ledger(command) %}
    {#- A temporary function that notes the locks that this session holds and has not noted yet, those aside that a SELECT takes too,
        and those of our own relations. An index counts only where its table is not locked as well, and a weaker lock where the
        relation is not closed anyway. What a plan has noted is known by the moment that it began, which a rollback forgets with
        the rows. -#}
select set_config('cms_id.ledger', clock_timestamp()::text, false) as ledger;

create or replace function pg_temp.cms_id_note_locks(core_table text, plan_step text, since timestamptz)
returns void
language plpgsql
set plan_cache_mode = force_generic_plan -- planned once, which takes longer than to look
as $cms_id$
begin
    with held as materialized (
        select
            l.relation,
            case when bool_or(l.mode = 'AccessExclusiveLock') then array['AccessExclusiveLock'] else array_agg(l.mode) end as modes
        from pg_catalog.pg_locks as l
        where
            l.pid = pg_backend_pid()
            and l.locktype = 'relation'
            and l.mode not in ('AccessShareLock', 'RowShareLock', 'SIReadLock')
        group by l.relation
    ),

    named as (
        select
            format('%I.%I', n.nspname, c.relname) as relation_name,
            m.mode
        from held as h
        inner join pg_catalog.pg_class as c on h.relation = c.oid
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        left join pg_catalog.pg_index as i on c.oid = i.indexrelid
        cross join lateral unnest(h.modes) as m (mode)
        where
            n.nspname !~ '^pg_'
            and n.nspname not in ('information_schema', {{ quote_text(target.schema) }})
            and not exists (select from held as t where t.relation = i.indrelid)
    )

    insert into {{ audit_relation('locks') }} (began_at, command, table_name, step, relation_name, mode, taken_at)
    select
        current_setting('cms_id.ledger')::timestamptz,
        '{{ command }}',
        core_table,
        plan_step,
        r.relation_name,
        r.mode,
        since
    from named as r
    where not exists (
        select
        from {{ audit_relation('locks') }} as k
        where
            k.began_at = current_setting('cms_id.ledger')::timestamptz
            and k.relation_name = r.relation_name
            and k.mode = r.mode
            and (k.released_at is null or k.step = plan_step)
    );
end
$cms_id$
{%- endmacro %}
