{% macro cms_id_dependents(tables) %}
    {#- A catalogue query: every object that stands on a cms_id and would go with it, or hold it: (table_name, object,
        view_schema, view_name, is_ours). Ours are the constraint, its index, the column's default, and the origin views. -#}
    {%- set views = ['null'] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
        {%- do views.append(quote_text(node.alias)) -%}
    {%- endfor -%}
with recursive columns as (
    select
        t.table_name,
        t.constraint_name,
        a.attrelid,
        a.attnum
    from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
    inner join pg_catalog.pg_attribute as a
        on to_regclass(format('%I.%I', t.schema_name, t.relation_name)) = a.attrelid and a.attname = 'cms_id'
),

dependents as (
    select
        c.table_name,
        c.constraint_name,
        c.attrelid,
        c.attnum,
        d.classid,
        d.objid,
        d.objsubid
    from columns as c
    inner join pg_catalog.pg_depend as d
        on d.refclassid = 'pg_catalog.pg_class'::regclass and c.attrelid = d.refobjid and c.attnum = d.refobjsubid

    union

    -- what stands on a view that reads the column, on the constraint, on its index
    select
        e.table_name,
        e.constraint_name,
        e.attrelid,
        e.attnum,
        d.classid,
        d.objid,
        d.objsubid
    from dependents as e
    left join pg_catalog.pg_rewrite as w
        on e.classid = 'pg_catalog.pg_rewrite'::regclass and e.objid = w.oid and w.rulename = '_RETURN'
    inner join pg_catalog.pg_depend as d
        on
            (d.refclassid = e.classid and d.refobjid = e.objid)
            or (d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = w.ev_class)
    where d.deptype in ('n', 'a', 'i')
)

select distinct
    d.table_name,
    case
        when v.oid is null then pg_describe_object(d.classid, d.objid, d.objsubid)
        else case v.relkind when 'm' then 'materialized view ' when 'v' then 'view ' else 'a rule on ' end || format('%I.%I', n.nspname, v.relname)
    end as object,
    n.nspname::text as view_schema,
    v.relname::text as view_name,
    coalesce(
        (f.adrelid = d.attrelid and f.adnum = d.attnum)
        or (k.contype = 'u' and k.conname = d.constraint_name and k.conkey = array[d.attnum])
        or (i.indkey::text = d.attnum::text and x.relname = d.constraint_name)
        or (v.relkind = 'v' and n.nspname = {{ quote_text(target.schema) }} and v.relname in ({{ views | join(', ') }})),
        false
    ) as is_ours
from dependents as d
left join pg_catalog.pg_constraint as k on d.classid = 'pg_catalog.pg_constraint'::regclass and d.objid = k.oid
left join pg_catalog.pg_index as i on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = i.indexrelid
left join pg_catalog.pg_class as x on i.indexrelid = x.oid
left join pg_catalog.pg_attrdef as f on d.classid = 'pg_catalog.pg_attrdef'::regclass and d.objid = f.oid
left join pg_catalog.pg_trigger as g on d.classid = 'pg_catalog.pg_trigger'::regclass and d.objid = g.oid
left join pg_catalog.pg_rewrite as w on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid
left join pg_catalog.pg_class as v on w.ev_class = v.oid
left join pg_catalog.pg_namespace as n on v.relnamespace = n.oid
-- a view's own row type goes with the view, and a foreign key's triggers with the key
where d.classid <> 'pg_catalog.pg_type'::regclass and not coalesce(g.tgisinternal, false)
order by 1, 2
{% endmacro %}
