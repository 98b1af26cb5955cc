{% macro objects_that_stay() %}
    {#- A query of what a restore in place leaves as it is: (classid, objid). Extensions with what belongs to them; and,
        unless this session's role is a superuser, what it cannot make anew (`objects_beyond`) that needs nothing which is replaced:
        a superuser's function in C stays, a superuser's view of a table does not. Self-contained. -#}
with recursive members as materialized (
    select
        d.classid,
        d.objid
    from pg_catalog.pg_depend as d
    where d.deptype = 'e' and d.refclassid = 'pg_catalog.pg_extension'::regclass
),

candidates as materialized (
    select
        b.classid,
        b.objid
    from ({{ objects_beyond() }}) as b

    union

    select
        m.classid,
        m.objid
    from members as m

    union

    select
        'pg_catalog.pg_extension'::regclass,
        e.oid
    from pg_catalog.pg_extension as e
),

-- with the constraints, defaults, rules and indexes that belong to it
parts as (
    select
        c.classid as root_class,
        c.objid as root,
        c.classid,
        c.objid
    from candidates as c
    where (c.classid, c.objid) not in (select m.classid, m.objid from members as m) and c.classid <> 'pg_catalog.pg_namespace'::regclass

    union

    select
        p.root_class,
        p.root,
        d.classid,
        d.objid
    from parts as p
    inner join pg_catalog.pg_depend as d on p.classid = d.refclassid and p.objid = d.refobjid and d.deptype in ('a', 'i')
),

needy as (
    select distinct
        p.root_class,
        p.root
    from parts as p
    inner join pg_catalog.pg_depend as d on p.classid = d.classid and p.objid = d.objid and d.deptype not in ('e', 'x') and d.refobjid >= 16384
    where
        d.refclassid <> 'pg_catalog.pg_extension'::regclass
        -- a schema stays for what is in it, not for a publication of all in it
        and (d.refclassid <> 'pg_catalog.pg_namespace'::regclass or (p.classid, p.objid) <> (p.root_class, p.root))
        and (d.refclassid, d.refobjid) not in (select c.classid, c.objid from candidates as c)
        and (d.refclassid, d.refobjid) not in (select o.classid, o.objid from parts as o where o.root_class = p.root_class and o.root = p.root)
)

select
    c.classid,
    c.objid
from candidates as c
where (c.classid, c.objid) not in (select n.root_class, n.root from needy as n)
{%- endmacro %}
