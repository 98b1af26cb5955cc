{% macro database_emptying() %}
    {#- The statement that drops what a restore in place makes anew, in the transaction that makes it. What stays (`objects_that_stay`)
        keeps the schemas it is in; their privileges and comments, and default privileges, go back to what a new database has, as a
        dump takes for granted. Raises where something that has to stay would go. Self-contained. -#}
do $cmsid$
declare
    stays constant jsonb := (
        select coalesce(jsonb_agg(jsonb_build_array(s.classid::oid, s.objid)), '[]')
        from ({{ objects_that_stay() | indent(8) }}) as s
    );
    kept_schemas constant oid[] := array(
        select n.oid
        from pg_catalog.pg_namespace as n
        where
            n.nspname = 'public'
            or stays @> jsonb_build_array(jsonb_build_array('pg_catalog.pg_namespace'::regclass::oid, n.oid))
            or exists (select 1 from pg_catalog.pg_extension as e where e.extnamespace = n.oid)
            or exists (
                select 1
                from pg_catalog.pg_depend as d
                where
                    d.refclassid = 'pg_catalog.pg_namespace'::regclass
                    and d.refobjid = n.oid
                    and stays @> jsonb_build_array(jsonb_build_array(d.classid, d.objid))
            )
    );
    lost constant text := (
        select string_agg(concat_ws(' ', i.type, i.identity), ', ')
        from ({{ objects_beyond() | indent(8) }}) as b
        cross join lateral pg_catalog.pg_identify_object(b.classid, b.objid, 0) as i
        where not stays @> jsonb_build_array(jsonb_build_array(b.classid::oid, b.objid))
    );
    -- a subscription forgets the tables that are dropped
    subscribed constant text := (
        select string_agg('subscription ' || quote_ident(s.subname), ', ')
        from pg_catalog.pg_subscription as s
        where s.subdbid = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
    );
    step record;
begin
    if coalesce(lost, subscribed) is not null then
        raise exception 'others need what is replaced: %', concat_ws(', ', lost, subscribed);
    end if;
    for step in
        select
            case i.type
                when 'statistics object' then 'statistics' when 'composite type' then 'type' when 'foreign-data wrapper' then 'foreign data wrapper'
                when 'function' then 'routine' when 'procedure' then 'routine' when 'aggregate' then 'routine' else i.type
            end as kind,
            i.identity
        from (
            select
                0 as place,
                'pg_catalog.pg_namespace'::regclass as classid,
                n.oid as objid
            from pg_catalog.pg_namespace as n
            where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.oid <> all(kept_schemas)

            union all

            select
                1,
                d.classid::regclass,
                d.objid
            from pg_catalog.pg_depend as d
            where
                d.refclassid = 'pg_catalog.pg_namespace'::regclass
                and d.refobjid = any(kept_schemas)
                and d.deptype = 'n'
                and d.classid not in ('pg_catalog.pg_default_acl'::regclass, 'pg_catalog.pg_extension'::regclass)
                and not exists (
                    select 1
                    from pg_catalog.pg_depend as i
                    where i.classid = d.classid and i.objid = d.objid and i.objsubid = 0 and i.deptype = 'i'
                )
            {%- for catalogue in ['pg_event_trigger', 'pg_cast', 'pg_transform', 'pg_publication', 'pg_foreign_server', 'pg_foreign_data_wrapper', 'pg_language', 'pg_am'] %}

            union all

            select
                {{ -1 if catalogue == 'pg_event_trigger' else loop.index }},
                'pg_catalog.{{ catalogue }}'::regclass,
                x.oid
            from pg_catalog.{{ catalogue }} as x
            where x.oid >= 16384
            {%- endfor %}
        ) as o
        cross join lateral pg_catalog.pg_identify_object(o.classid, o.objid, 0) as i
        where not stays @> jsonb_build_array(jsonb_build_array(o.classid::oid, o.objid))
        order by o.place, o.objid
    loop
        -- what depended on another has gone with it
        execute format('drop %s if exists %s cascade', step.kind, step.identity);
    end loop;
    perform pg_catalog.lo_unlink(l.oid) from pg_catalog.pg_largeobject_metadata as l;

    -- all that was granted goes; then what a new one has comes back
    for step in
        with kept as (
            select
                'schema ' || quote_ident(n.nspname) as subject,
                null as prefix,
                coalesce(n.nspacl, acldefault('n', n.nspowner)) as acl,
                coalesce(i.initprivs, acldefault('n', n.nspowner)) as usual
            from pg_catalog.pg_namespace as n
            left join pg_catalog.pg_init_privs as i on i.classoid = 'pg_catalog.pg_namespace'::regclass and i.objoid = n.oid
            where n.oid = any(kept_schemas) and pg_has_role(n.nspowner, 'USAGE')

            union all

            select
                case d.defaclobjtype
                    when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'routines' when 'T' then 'types' when 'n' then 'schemas'
                    else 'large objects'
                end,
                format('alter default privileges for role %I%s', pg_get_userbyid(d.defaclrole), ' in schema ' || quote_ident(n.nspname)),
                d.defaclacl,
                case when n.oid is null then acldefault(case d.defaclobjtype when 'S' then 's' else d.defaclobjtype end, d.defaclrole) end
            from pg_catalog.pg_default_acl as d
            left join pg_catalog.pg_namespace as n on d.defaclnamespace = n.oid
            where pg_has_role(d.defaclrole, 'USAGE')
        ),

        grants as (
            select
                k.prefix,
                k.subject,
                g.is_usual,
                case when g.is_usual then a.privilege_type else 'all' end as privilege,
                case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as grantee
            from kept as k
            cross join (values (false), (true)) as g (is_usual)
            cross join lateral aclexplode(case when g.is_usual then k.usual else k.acl end) as a
        )

        select distinct
            is_usual,
            concat_ws(
                ' ', prefix, case when is_usual then 'grant' else 'revoke' end, privilege, 'on', subject, case when is_usual then 'to' else 'from' end, grantee
            ) as statement
        from grants
        order by is_usual
    loop
        execute step.statement;
    end loop;
    for step in
        select
            quote_ident(n.nspname) as kind,
            case n.nspname when 'public' then 'standard public schema' end as identity
        from pg_catalog.pg_namespace as n
        where n.oid = any(kept_schemas) and pg_has_role(n.nspowner, 'USAGE')
    loop
        execute format('comment on schema %s is %L', step.kind, step.identity);
    end loop;
end
$cmsid$
{%- endmacro %}
