{% macro _whats_whose() %}
    {#- Everything that has an owner, and what only a superuser can make, whoever it belongs to, as common table expressions.
        A part of preflight_backup_findings and objects_beyond. -#}
me as (
    select
        r.oid,
        r.rolname,
        r.rolsuper,
        r.rolcreatedb or r.rolsuper as may_create,
        current_setting('server_version_num')::integer as version,
        case when current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end as becoming
    from pg_catalog.pg_roles as r
    where r.rolname = current_user
),

-- what an extension brings is made by the extension
members as materialized (
    select
        d.classid,
        d.objid
    from pg_catalog.pg_depend as d
    where
        d.deptype = 'e' and d.refclassid = 'pg_catalog.pg_extension'::regclass
        -- a range type makes its constructors, which belong to the first superuser, and its cast
        or d.deptype = 'i' and d.classid in ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_cast'::regclass)
),

relations as materialized (
    select
        c.*,
        n.nspname,
        m.objid is not null as is_member,
        m.objid is null or exists (select 1 from pg_catalog.pg_extension as e where c.oid = any(e.extconfig)) as is_dumped
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    left join members as m on m.classid = 'pg_catalog.pg_class'::regclass and m.objid = c.oid
    where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
),

-- everything that has an owner, with the schema it is in
owned (classid, objid, owner, schema_oid) as materialized (
    select 'pg_catalog.pg_class'::regclass, oid, relowner, relnamespace
    from relations
    where not is_member

    union all

    select o.classid, o.objid, o.owner, o.schema_oid
    from (
        select 'pg_catalog.pg_proc'::regclass, p.oid, p.proowner, p.pronamespace
        from pg_catalog.pg_proc as p

        union all

        select 'pg_catalog.pg_type'::regclass, t.oid, t.typowner, t.typnamespace
        from pg_catalog.pg_type as t
        where
            t.typtype in ('d', 'e', 'r', 'b') and t.typcategory <> 'A'
            or t.typtype = 'c' and exists (select 1 from pg_catalog.pg_class as c where c.oid = t.typrelid and c.relkind = 'c')

        union all

        select 'pg_catalog.pg_operator'::regclass, o.oid, o.oprowner, o.oprnamespace
        from pg_catalog.pg_operator as o

        union all

        select 'pg_catalog.pg_collation'::regclass, c.oid, c.collowner, c.collnamespace
        from pg_catalog.pg_collation as c

        union all

        select 'pg_catalog.pg_conversion'::regclass, c.oid, c.conowner, c.connamespace
        from pg_catalog.pg_conversion as c

        union all

        select 'pg_catalog.pg_statistic_ext'::regclass, s.oid, s.stxowner, s.stxnamespace
        from pg_catalog.pg_statistic_ext as s

        union all

        select 'pg_catalog.pg_ts_dict'::regclass, d.oid, d.dictowner, d.dictnamespace
        from pg_catalog.pg_ts_dict as d

        union all

        select 'pg_catalog.pg_ts_config'::regclass, c.oid, c.cfgowner, c.cfgnamespace
        from pg_catalog.pg_ts_config as c

        union all

        select 'pg_catalog.pg_publication'::regclass, p.oid, p.pubowner, null
        from pg_catalog.pg_publication as p

        union all

        select 'pg_catalog.pg_namespace'::regclass, n.oid, n.nspowner, null
        from pg_catalog.pg_namespace as n
        where n.nspname !~ '^pg_'
    ) as o (classid, objid, owner, schema_oid)
    left join members as m on o.classid = m.classid and o.objid = m.objid
    where m.objid is null and o.objid >= 16384

    union all

    -- the schema public is dumped once its owner is another than the usual one
    select 'pg_catalog.pg_namespace'::regclass, n.oid, n.nspowner, null
    from pg_catalog.pg_namespace as n
    cross join me
    where n.nspname = 'public' and n.oid < 16384 and n.nspowner::regrole::text <> case when me.version >= 150000 then 'pg_database_owner' else '' end
        and (me.version >= 150000 or n.nspowner <> 10)

    union all

    select 'pg_catalog.pg_largeobject'::regclass, l.oid, l.lomowner, null
    from pg_catalog.pg_largeobject_metadata as l
),

-- only a superuser may make these, whoever they belong to
superusers (kind, classid, objid, name) as (
    select 'event trigger', 'pg_catalog.pg_event_trigger'::regclass, e.oid, format('%I', e.evtname)
    from pg_catalog.pg_event_trigger as e

    union all

    select 'foreign data wrapper', 'pg_catalog.pg_foreign_data_wrapper'::regclass, w.oid, format('%I', w.fdwname)
    from pg_catalog.pg_foreign_data_wrapper as w

    union all

    select 'foreign server', 'pg_catalog.pg_foreign_server'::regclass, s.oid, format('%I', s.srvname)
    from pg_catalog.pg_foreign_server as s

    union all

    -- FOR ALL TABLES, since 19 FOR ALL SEQUENCES (to_jsonb, since older catalogues have no such column), since 15 FOR TABLES IN SCHEMA
    select 'publication', 'pg_catalog.pg_publication'::regclass, p.oid, format('%I', p.pubname)
    from pg_catalog.pg_publication as p
    where
        p.puballtables
        or (to_jsonb(p) ->> 'puballsequences')::boolean
        or exists (
            select 1
            from pg_catalog.pg_depend as d
            where
                d.classid = to_regclass('pg_catalog.pg_publication_namespace')
                and d.refclassid = 'pg_catalog.pg_publication'::regclass
                and d.refobjid = p.oid
        )

    union all

    select 'language', 'pg_catalog.pg_language'::regclass, l.oid, format('%I', l.lanname)
    from pg_catalog.pg_language as l
    where l.oid >= 16384

    union all

    select 'access method', 'pg_catalog.pg_am'::regclass, a.oid, format('%I', a.amname)
    from pg_catalog.pg_am as a
    where a.oid >= 16384

    union all

    select 'operator family', 'pg_catalog.pg_opfamily'::regclass, f.oid, format('%I.%I', n.nspname, f.opfname)
    from pg_catalog.pg_opfamily as f
    inner join pg_catalog.pg_namespace as n on f.opfnamespace = n.oid
    where f.oid >= 16384

    union all

    select 'operator class', 'pg_catalog.pg_opclass'::regclass, o.oid, format('%I.%I', n.nspname, o.opcname)
    from pg_catalog.pg_opclass as o
    inner join pg_catalog.pg_namespace as n on o.opcnamespace = n.oid
    where o.oid >= 16384 and o.opcfamily < 16384

    union all

    select 'text search parser', 'pg_catalog.pg_ts_parser'::regclass, p.oid, format('%I.%I', n.nspname, p.prsname)
    from pg_catalog.pg_ts_parser as p
    inner join pg_catalog.pg_namespace as n on p.prsnamespace = n.oid
    where p.oid >= 16384

    union all

    select 'text search template', 'pg_catalog.pg_ts_template'::regclass, t.oid, format('%I.%I', n.nspname, t.tmplname)
    from pg_catalog.pg_ts_template as t
    inner join pg_catalog.pg_namespace as n on t.tmplnamespace = n.oid
    where t.oid >= 16384

    union all

    -- one with functions of its own, or still without
    select 'type', 'pg_catalog.pg_type'::regclass, t.oid, t.oid::regtype::text
    from pg_catalog.pg_type as t
    where t.oid >= 16384 and t.typtype in ('b', 'p') and t.typcategory <> 'A'

    union all

    select 'cast', 'pg_catalog.pg_cast'::regclass, k.oid, format('(%s as %s)', k.castsource::regtype, k.casttarget::regtype)
    from pg_catalog.pg_cast as k
    cross join me
    where
        k.oid >= 16384
        and (
            k.castmethod = 'b'
            or not exists (
                select 1
                from pg_catalog.pg_type as t
                where t.oid in (k.castsource, k.casttarget) and pg_has_role(me.oid, t.typowner, 'USAGE')
            )
        )

    union all

    select
        format('function in the language %s', l.lanname), 'pg_catalog.pg_proc'::regclass, p.oid, p.oid::regprocedure::text
    from pg_catalog.pg_proc as p
    inner join pg_catalog.pg_language as l on p.prolang = l.oid
    where p.oid >= 16384 and p.prokind <> 'a' and not l.lanpltrusted

    union all

    select 'leakproof function', 'pg_catalog.pg_proc'::regclass, p.oid, p.oid::regprocedure::text
    from pg_catalog.pg_proc as p
    where p.oid >= 16384 and p.proleakproof

    union all

    select 'function with a function for the planner', 'pg_catalog.pg_proc'::regclass, p.oid, p.oid::regprocedure::text
    from pg_catalog.pg_proc as p
    where p.oid >= 16384 and p.prosupport <> 0::oid

    union all

    select 'function with a superuser''s setting', 'pg_catalog.pg_proc'::regclass, p.oid, p.oid::regprocedure::text
    from pg_catalog.pg_proc as p
    where
        p.oid >= 16384
        and exists (
            select 1
            from unnest(p.proconfig) as c
            inner join pg_catalog.pg_settings as s on s.name = lower(split_part(c, '=', 1))
            where s.context not in ('user', 'internal')
        )

    union all

    select 'aggregate with an internal state', 'pg_catalog.pg_proc'::regclass, a.aggfnoid::oid, a.aggfnoid::regprocedure::text
    from pg_catalog.pg_aggregate as a
    where a.aggfnoid::oid >= 16384 and a.aggtranstype = 'internal'::regtype
)
{% endmacro %}
