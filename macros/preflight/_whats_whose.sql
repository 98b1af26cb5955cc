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
    {%- for catalogue, prefix in [
        ('pg_proc', 'pro'), ('pg_operator', 'opr'), ('pg_collation', 'coll'), ('pg_conversion', 'con'),
        ('pg_statistic_ext', 'stx'), ('pg_ts_dict', 'dict'), ('pg_ts_config', 'cfg'),
    ] %}
        select 'pg_catalog.{{ catalogue }}'::regclass, c.oid, c.{{ prefix }}owner, c.{{ prefix }}namespace
        from pg_catalog.{{ catalogue }} as c

        union all
    {% endfor %}
        select 'pg_catalog.pg_type'::regclass, t.oid, t.typowner, t.typnamespace
        from pg_catalog.pg_type as t
        where
            t.typtype in ('d', 'e', 'r', 'b') and t.typcategory <> 'A'
            or t.typtype = 'c' and exists (select 1 from pg_catalog.pg_class as c where c.oid = t.typrelid and c.relkind = 'c')

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
    {%- for kind, catalogue, prefix, has_schema, condition in [
        ('event trigger', 'pg_event_trigger', 'evt', false, 'true'),
        ('foreign data wrapper', 'pg_foreign_data_wrapper', 'fdw', false, 'true'),
        ('foreign server', 'pg_foreign_server', 'srv', false, 'true'),
        ('language', 'pg_language', 'lan', false, 'c.oid >= 16384'),
        ('access method', 'pg_am', 'am', false, 'c.oid >= 16384'),
        ('operator family', 'pg_opfamily', 'opf', true, 'c.oid >= 16384'),
        ('operator class', 'pg_opclass', 'opc', true, 'c.oid >= 16384 and c.opcfamily < 16384'),
        ('text search parser', 'pg_ts_parser', 'prs', true, 'c.oid >= 16384'),
        ('text search template', 'pg_ts_template', 'tmpl', true, 'c.oid >= 16384'),
    ] %}
    select
        '{{ kind }}', 'pg_catalog.{{ catalogue }}'::regclass, c.oid,
        {{ "quote_ident(n.nspname) || '.' || " if has_schema }}quote_ident(c.{{ prefix }}name)
    from pg_catalog.{{ catalogue }} as c
    {%- if has_schema %}
    inner join pg_catalog.pg_namespace as n on c.{{ prefix }}namespace = n.oid
    {%- endif %}
    where {{ condition }}

    union all
    {% endfor %}
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

    select f.kind, 'pg_catalog.pg_proc'::regclass, p.oid, p.oid::regprocedure::text
    from pg_catalog.pg_proc as p
    inner join pg_catalog.pg_language as l on p.prolang = l.oid
    cross join lateral (values
        (format('function in the language %s', l.lanname), p.prokind <> 'a' and not l.lanpltrusted),
        ('leakproof function', p.proleakproof),
        ('function with a function for the planner', p.prosupport <> 0::oid),
        ('function with a superuser''s setting', exists (
            select 1
            from unnest(p.proconfig) as c
            inner join pg_catalog.pg_settings as s on s.name = lower(split_part(c, '=', 1))
            where s.context not in ('user', 'internal')
        ))
    ) as f (kind, is_so)
    where p.oid >= 16384 and f.is_so

    union all

    select 'aggregate with an internal state', 'pg_catalog.pg_proc'::regclass, a.aggfnoid::oid, a.aggfnoid::regprocedure::text
    from pg_catalog.pg_aggregate as a
    where a.aggfnoid::oid >= 16384 and a.aggtranstype = 'internal'::regtype
)
{% endmacro %}
