{% macro sequence_queries(tables) %}
    {#- A catalogue query: one ready statement per sequence that gives a core table's column its values, whether it is owned
        by the column (serial), behind an identity, or only named in the default. Only of columns that are unique: in others,
        such as a number that starts anew each year, a value that is there stands in nobody's way. -#}
with core as (
    select
        table_name,
        to_regclass(format('%I.%I', schema_name, relation_name)) as oid
    from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
),

uses as (
    select
        d.refobjid as table_oid,
        d.refobjsubid as attnum,
        d.objid as sequence_oid
    from pg_catalog.pg_depend as d
    where
        d.classid = 'pg_catalog.pg_class'::regclass
        and d.refclassid = 'pg_catalog.pg_class'::regclass
        and d.refobjsubid > 0
        and d.deptype in ('a', 'i')

    union

    select
        e.adrelid,
        e.adnum,
        d.refobjid
    from pg_catalog.pg_depend as d
    inner join pg_catalog.pg_attrdef as e on d.objid = e.oid
    where d.classid = 'pg_catalog.pg_attrdef'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
)

select
    case
        when has_sequence_privilege(s.seqrelid, 'select') then format(
            $q$select
    %1$L::text as table_name,
    %10$L::text as key,
    %2$L::text as column_name,
    %3$L || reached::text || ': ' || (reached + (%4$s))::text as expected,
    next_value::text as actual
from (select %5$s(%6$I)::numeric as reached from only %7$s) as ids
cross join (select last_value::numeric + case when is_called then %4$s else 0 end as next_value from %8$s) as sequence
where next_value %9$s reached$q$,
            core.table_name,
            a.attname,
            format('a next value beyond %s(%s) = ', case when s.seqincrement > 0 then 'max' else 'min' end, a.attname),
            s.seqincrement,
            case when s.seqincrement > 0 then 'max' else 'min' end,
            a.attname,
            format('%I.%I', tn.nspname, t.relname),
            format('%I.%I', qn.nspname, q.relname),
            case when s.seqincrement > 0 then '<=' else '>=' end,
            'sequence ' || q.relname
        )
        else format(
            $q$select %L::text as table_name, %L::text as key, %L::text as column_name, 'a sequence that can be read' as expected, %L as actual$q$,
            core.table_name,
            'sequence ' || q.relname,
            a.attname,
            format('role %s may not read %s.%s: grant select on sequence', current_user, qn.nspname, q.relname)
        )
    end as sequence_query
from uses as u
inner join core on u.table_oid = core.oid
inner join pg_catalog.pg_class as t on u.table_oid = t.oid
inner join pg_catalog.pg_namespace as tn on t.relnamespace = tn.oid
inner join pg_catalog.pg_attribute as a on u.table_oid = a.attrelid and u.attnum = a.attnum
inner join pg_catalog.pg_type as y on a.atttypid = y.oid and y.typcategory = 'N'
inner join pg_catalog.pg_class as q on u.sequence_oid = q.oid
inner join pg_catalog.pg_namespace as qn on q.relnamespace = qn.oid
inner join pg_catalog.pg_sequence as s on q.oid = s.seqrelid
where exists (
    select 1
    from pg_catalog.pg_index as i
    where
        i.indrelid = u.table_oid
        and i.indisunique
        and i.indpred is null
        and i.indnkeyatts = 1
        and i.indkey[0] = u.attnum
)
order by core.table_name, a.attname, q.relname
{% endmacro %}
