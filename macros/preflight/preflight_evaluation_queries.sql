{% macro preflight_evaluation_queries() %}
    {#- A catalogue query: what a restore evaluates by functions that may see the database otherwise than the application does,
        and a ready query that evaluates the same for the rows there are: (evaluated, relation_oid, functions,
        remedy, is_filling, hinders, evaluation_query). A restore evaluates with an empty search path and, while it fills a table (`is_filling`), beside
        tables that are not filled yet; the clock has moved on. `evaluation_query` counts what is evaluated and what is refused.
        To be run with an empty search_path, in which every name is written with its schema. Self-contained. -#}
with recursive evaluated (kind, relation_oid, nodes, expressions, is_filling) as (
    select
        'index ' || i.indexrelid::regclass::text,
        i.indrelid,
        concat(i.indexprs, i.indpred),
        (
            select array_agg(format('case when %s then (%s) end', coalesce(pg_get_expr(i.indpred, i.indrelid), 'true'), e.expression))
            from (
                select pg_get_indexdef(i.indexrelid, k.number::integer, false)
                from unnest(i.indkey::int2[]) with ordinality as k (attnum, number)
                where k.attnum = 0

                union all

                select 'true'
            ) as e (expression)
        ),
        false
    from pg_catalog.pg_index as i
    where i.indexprs is not null or i.indpred is not null

    union all

    select
        format('generated column %s of %s', a.attname, d.adrelid::regclass),
        d.adrelid,
        d.adbin::text,
        array[format('(%s)', pg_get_expr(d.adbin, d.adrelid))],
        true
    from pg_catalog.pg_attrdef as d
    inner join pg_catalog.pg_attribute as a on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attgenerated = 's'

    union all

    -- what is not valid, or not enforced since PostgreSQL 18, is not evaluated
    select
        format('check constraint %s of %s', k.conname, k.conrelid::regclass),
        k.conrelid,
        k.conbin::text,
        array[format('case when not (%s) then ''refused'' end', pg_get_expr(k.conbin, k.conrelid))],
        true
    from pg_catalog.pg_constraint as k
    where k.contype = 'c' and k.conrelid <> 0 and k.convalidated and coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)

    union all

    select
        format('check constraint %s of domain %s, of which %s.%s is', k.conname, k.contypid::regtype, a.attrelid::regclass, a.attname),
        a.attrelid,
        k.conbin::text,
        array[format('%I::%s::%s', a.attname, format_type(t.typbasetype, t.typtypmod), t.oid::regtype)],
        true
    from pg_catalog.pg_constraint as k
    inner join pg_catalog.pg_type as t on k.contypid = t.oid
    inner join pg_catalog.pg_attribute as a on t.oid = a.atttypid and a.attnum > 0 and not a.attisdropped
    where k.contype = 'c' and k.convalidated

    union all

    select
        'partition ' || c.oid::regclass::text,
        c.oid,
        p.partexprs::text,
        array[format('case when not (%s) then ''refused'' end', pg_get_partition_constraintdef(c.oid))],
        true
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_inherits as i on c.oid = i.inhrelid
    inner join pg_catalog.pg_partitioned_table as p on i.inhparent = p.partrelid
    where c.relispartition and p.partexprs is not null

    union all

    select
        format('statistics object %I.%I', n.nspname, s.stxname),
        s.stxrelid,
        s.stxexprs::text,
        (select array_agg(format('(%s)', e)) from unnest(pg_get_statisticsobjdef_expressions(s.oid)) as e),
        false
    from pg_catalog.pg_statistic_ext as s
    inner join pg_catalog.pg_namespace as n on s.stxnamespace = n.oid
    where s.stxexprs is not null
),

-- functions whose body PostgreSQL reads each time; those in C depend on no search path
interpreted as (
    select
        p.oid,
        p.oid::regprocedure::text as name,
        n.nspname as schema_name,
        not exists (select 1 from unnest(p.proconfig) as c where c ~ '^search_path=') as is_open
    from pg_catalog.pg_proc as p
    inner join pg_catalog.pg_language as l on p.prolang = l.oid
    inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
    where p.oid >= 16384 and l.lanname not in ('c', 'internal')
),

suspects as (
    select
        e.*,
        f.functions,
        f.remedy
    from evaluated as e
    cross join lateral (
        select
            string_agg(i.name, ', ' order by i.name) as functions,
            string_agg(format('alter function %s set search_path = %I', i.name, i.schema_name), '; ' order by i.name) filter (where i.is_open) as remedy,
            bool_or(p.provolatile <> 'i') as is_volatile
        from (select distinct m[1]::oid as oid from regexp_matches(e.nodes, ':(?:funcid|opfuncid) (\d+)', 'g') as m) as u
        inner join pg_catalog.pg_proc as p on u.oid = p.oid
        left join interpreted as i on p.oid = i.oid
    ) as f
    where f.functions is not null or e.is_filling and (f.is_volatile or e.nodes ~ 'SQLVALUEFUNCTION')
),

-- which views a materialized view reads, over several levels
read_views as (
    select
        c.oid as view_oid,
        c.oid as read_oid
    from pg_catalog.pg_class as c
    where c.relkind = 'm' and c.relispopulated

    union

    select
        v.view_oid,
        d.refobjid
    from read_views as v
    inner join pg_catalog.pg_rewrite as w on v.read_oid = w.ev_class
    inner join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_catalog.pg_class'::regclass
    inner join pg_catalog.pg_class as c on d.refobjid = c.oid and c.relkind = 'v'
),

views as (
    select
        v.view_oid,
        string_agg(distinct i.name, ', ') as functions,
        string_agg(distinct format('alter function %s set search_path = %I', i.name, i.schema_name), '; ') filter (where i.is_open) as remedy
    from read_views as v
    inner join pg_catalog.pg_rewrite as w on v.read_oid = w.ev_class
    inner join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid
    left join pg_catalog.pg_operator as o on d.refclassid = 'pg_catalog.pg_operator'::regclass and d.refobjid = o.oid
    inner join interpreted as i on d.refclassid = 'pg_catalog.pg_proc'::regclass and d.refobjid = i.oid or o.oprcode::oid = i.oid
    group by v.view_oid
)

select
    s.kind as evaluated,
    s.relation_oid,
    s.functions,
    s.remedy,
    s.is_filling,
    -- statistics are computed by the ANALYZE that follows a restore
    (case when s.kind ^@ 'statistics object' then '{beside,in place}' else '{trial,beside,in place}' end)::text[] as hinders,
    format(
        'select count(x), count(*) filter (where x[1] = ''refused'') from (select array[%s] as x from only %s) as r',
        array_to_string(array(select format('(%s)::text', e) from unnest(s.expressions) as e), ', '), s.relation_oid::regclass
    ) as evaluation_query
from suspects as s
inner join pg_catalog.pg_class as c on s.relation_oid = c.oid and c.relkind in ('r', 'm')
where
    c.relpersistence <> 't'
    and has_table_privilege(c.oid, 'select')
    and has_schema_privilege(c.relnamespace, 'usage')
    and c.relnamespace <> 'pg_catalog'::regnamespace

union all

select
    'materialized view ' || v.view_oid::regclass::text,
    v.view_oid,
    v.functions,
    v.remedy,
    false,
    '{trial,beside,in place}',
    format('select count(x), 0 from (%s) as x', rtrim(pg_get_viewdef(v.view_oid), ';'))
from views as v
{%- endmacro %}
