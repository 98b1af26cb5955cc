{% macro _catalogue_ctes() %}
    {#- The relations, routines and types that the parts of catalogue_objects describe, as common table expressions. A part of catalogue_objects. -#}
relations as materialized (
    select
        c.*,
        n.schema_name || '.' || quote_ident(c.relname) as relation_name,
        n.schema_name
    from pg_catalog.pg_class as c
    inner join namespaces as n on c.relnamespace = n.oid
    where not exists (
        select 1
        from members as m
        where m.classid = 'pg_catalog.pg_class'::regclass and m.objid = c.oid and c.relkind <> 'r'
    )
),

routines as materialized (
    select
        p.oid,
        p.prokind,
        p.proowner,
        p.proacl,
        n.schema_name || '.' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')' as routine_name,
        case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end as routine_kind
    from pg_catalog.pg_proc as p
    inner join namespaces as n on p.pronamespace = n.oid
    where not exists (
        select 1
        from members as m
        where m.classid = 'pg_catalog.pg_proc'::regclass and m.objid = p.oid
    )
),

-- arrays, multiranges and the row types of tables come and go with what they are made for
types as materialized (
    select
        t.*,
        n.schema_name || '.' || quote_ident(t.typname) as type_name,
        case t.typtype
            when 'e' then 'enum' when 'd' then 'domain' when 'c' then 'composite type' when 'r' then 'range type' else 'base type'
        end as type_kind
    from pg_catalog.pg_type as t
    inner join namespaces as n on t.typnamespace = n.oid
    left join pg_catalog.pg_class as c on t.typrelid = c.oid
    where
        t.typtype <> 'm'
        and (t.typtype <> 'c' or c.relkind = 'c')
        and not exists (
            select 1
            from pg_catalog.pg_type as e
            where e.typarray = t.oid
        )
        and not exists (
            select 1
            from members as m
            where m.classid = 'pg_catalog.pg_type'::regclass and m.objid = t.oid
        )
),

disabled_triggers as (
    select
        t.tgconstraint,
        count(*) as how_many
    from pg_catalog.pg_trigger as t
    where t.tgisinternal and t.tgenabled <> 'O' and t.tgconstraint <> 0
    group by t.tgconstraint
)
{% endmacro %}
