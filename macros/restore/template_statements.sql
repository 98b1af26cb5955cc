{% macro template_statements() %}
    {#- A query of what a superuser runs in an empty database to make it the template from which test restores and restores begin:
        (statement), in order. The live database's extensions with their schemas, and functions and casts that its owner cannot make. Self-contained. -#}
with beyond as materialized (
    select b.*
    from ({{ objects_beyond() | indent(4) }}) as b
    inner join ({{ objects_that_stay() | indent(4) }}) as s on b.classid = s.classid and b.objid = s.objid
),

routines as materialized (
    select
        p.*,
        i.identity
    from beyond as b
    inner join pg_catalog.pg_proc as p on b.objid = p.oid and p.prokind in ('f', 'p')
    cross join lateral pg_identify_object(b.classid, b.objid, 0) as i
    where b.classid = 'pg_catalog.pg_proc'::regclass
),

schemas as materialized (
    select n.*
    from pg_catalog.pg_namespace as n
    where
        n.oid >= 16384
        and (
            n.oid in (select e.extnamespace from pg_catalog.pg_extension as e)
            or n.oid in (select r.pronamespace from routines as r)
        )
        and not exists (
            select 1
            from pg_catalog.pg_depend as d
            where d.classid = 'pg_catalog.pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e'
        )
),

granted (place, subject, owner, acl) as (
    select
        1,
        format('schema %I', nspname),
        nspowner,
        nspacl
    from schemas

    union all

    select
        3,
        format('routine %s', r.identity),
        r.proowner,
        r.proacl
    from routines as r

    union all

    -- tables of extensions, which the backup reads
    select
        3,
        format('table %I.%I', n.nspname, c.relname),
        c.relowner,
        c.relacl
    from pg_catalog.pg_depend as d
    inner join pg_catalog.pg_class as c on d.objid = c.oid and c.relkind in ('r', 'p')
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where d.deptype = 'e' and d.classid = 'pg_catalog.pg_class'::regclass and c.relacl is not null
),

statements (place, object, statement) as (
    select
        0,
        0::oid,
        format('create schema %I authorization %I;', nspname, pg_get_userbyid(nspowner))
    from schemas

    union all

    select
        2,
        e.oid,
        format('create extension %I with schema %I version %L;', e.extname, n.nspname, e.extversion)
    from pg_catalog.pg_extension as e
    inner join pg_catalog.pg_namespace as n on e.extnamespace = n.oid
    where e.oid >= 16384

    union all

    select
        3,
        r.oid,
        format('%s;%salter routine %s owner to %I;', rtrim(pg_get_functiondef(r.oid), E'\n'), E'\n', r.identity, pg_get_userbyid(r.proowner))
    from routines as r

    union all

    select
        4,
        k.oid,
        format(
            'create cast (%s as %s) %s%s;', format_type(k.castsource, null), format_type(k.casttarget, null),
            case k.castmethod when 'i' then 'with inout' when 'b' then 'without function' else format('with function %s', k.castfunc::regprocedure) end,
            case k.castcontext when 'i' then ' as implicit' when 'a' then ' as assignment' else '' end
        )
    from pg_catalog.pg_cast as k
    inner join beyond as b on b.classid = 'pg_catalog.pg_cast'::regclass and b.objid = k.oid

    union all

    select
        4,
        r.oid,
        format('comment on routine %s is %L;', r.identity, obj_description(r.oid, 'pg_proc'))
    from routines as r
    where obj_description(r.oid, 'pg_proc') is not null

    union all

    select
        g.place + 3,
        0::oid,
        format('revoke all on %s from public;', g.subject)
    from granted as g
    where g.acl is not null

    union all

    select
        g.place + 3,
        1::oid,
        format(
            'grant %s on %s to %s%s;', a.privilege_type, g.subject, case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
            case when a.is_grantable then ' with grant option' else '' end
        )
    from granted as g
    cross join lateral aclexplode(g.acl) as a
    where a.grantee <> g.owner
)

select statement
from statements
order by place, object
{%- endmacro %}
