{% macro preflight_backup_findings(tables=[], prepared=[], objects=0) %}
    {#- What the catalogue says against a backup of everything and against each way back, for this session's role: as
        preflight_findings, and `hinders`: which of dump, trial (the test restore), beside (a restore beside the live
        database) and in place. A run takes a backup and restores it on trial, so what hinders either blocks both modes; what
        hinders one way back only is said, as long as the other is left. `tables` are those of which preflight_findings
        tells row level security, `prepared` the extensions that need not be made anew. Self-contained. -#}
{%- set prepared_names -%}
    {%- for name in prepared %}{{ quote_text(name) }}{{ ', ' if not loop.last }}{% endfor -%}
{%- endset %}
with {{ _whats_whose() }},

staying as materialized (
    {{ objects_that_stay() | indent(4) }}
),

-- who may create in a schema when the objects in it are made and given away: privileges come later
owners as (
    select distinct
        o.owner,
        o.schema_oid,
        pg_has_role(o.owner, me.becoming) and pg_has_role(o.owner, 'USAGE') as is_mine,
        n.nspname,
        case when n.nspowner::regrole::text = 'pg_database_owner' then me.oid else n.nspowner end as schema_owner,
        n.nspname = 'public' and me.version < 150000 as is_open,
        -- a schema of another stays in place, with its privileges
        not pg_has_role(n.nspowner, 'USAGE') and has_schema_privilege(o.owner, n.oid, 'create') as is_kept_open
    from owned as o
    cross join me
    left join pg_catalog.pg_namespace as n on o.schema_oid = n.oid
),

-- the privileges of what is dumped, with who gave them
privileges (classid, objid, owner, acl) as (
    select 'pg_catalog.pg_class'::regclass, oid, relowner, relacl
    from relations
    where not is_member

    union all

    select 'pg_catalog.pg_class'::regclass, r.oid, r.relowner, a.attacl
    from pg_catalog.pg_attribute as a
    inner join relations as r on a.attrelid = r.oid
    where not r.is_member and a.attacl is not null

    union all

    select 'pg_catalog.pg_proc'::regclass, p.oid, p.proowner, p.proacl
    from pg_catalog.pg_proc as p
    where p.oid >= 16384 and not exists (select 1 from members as m where m.classid = 'pg_catalog.pg_proc'::regclass and m.objid = p.oid)

    union all

    select 'pg_catalog.pg_namespace'::regclass, n.oid, n.nspowner, n.nspacl
    from pg_catalog.pg_namespace as n
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'

    union all

    select 'pg_catalog.pg_type'::regclass, t.oid, t.typowner, t.typacl
    from pg_catalog.pg_type as t
    where t.oid >= 16384 and not exists (select 1 from members as m where m.classid = 'pg_catalog.pg_type'::regclass and m.objid = t.oid)
),

-- all that the server keeps parsed: who needs a cast is recorded nowhere else
parsed (tree) as (
{%- for catalogue, key, trees in [
    ('pg_rewrite', 'oid', 'ev_qual, ev_action'), ('pg_attrdef', 'oid', 'adbin'), ('pg_constraint', 'oid', 'conbin'),
    ('pg_index', 'indexrelid', 'indexprs, indpred'), ('pg_policy', 'oid', 'polqual, polwithcheck'), ('pg_trigger', 'oid', 'tgqual'),
    ('pg_proc', 'oid', 'proargdefaults, prosqlbody'), ('pg_partitioned_table', 'partrelid', 'partexprs'),
    ('pg_statistic_ext', 'oid', 'stxexprs'), ('pg_type', 'oid', 'typdefaultbin'),
] %}
    select concat({{ trees }}) from pg_catalog.{{ catalogue }} where {{ key }} >= 16384
    {{- '\n    union all' if not loop.last }}
{%- endfor %}
),

-- casts of the system's types that nothing parsed uses: a test restore can do without them
spared (objid) as (
    select k.oid
    from pg_catalog.pg_cast as k
    inner join pg_catalog.pg_type as s on k.castsource = s.oid
    inner join pg_catalog.pg_type as t on k.casttarget = t.oid
    where
        k.oid >= 16384
        and k.castsource < 16384
        and k.casttarget < 16384
        and not exists (
            select 1
            from parsed as p
            where
                p.tree ~ case k.castmethod
                    when 'f' then format(':funcid %s :[^}]*:funcformat [12]', k.castfunc)
                    when 'b' then format(':resulttype %s :[^}]*:relabelformat [12]', k.casttarget)
                    -- what is text may be cast explicitly without
                    else format(':resulttype %s :[^}]*:coerceformat %s', k.casttarget, case when s.typcategory = 'S' or t.typcategory = 'S' then '2' else '[12]' end)
                end
        )
),

-- one row for each object: what stands in the way of what
objects (finding, hinders, saying, object, remedy) as (
    select
        f.finding,
        '{dump}'::text[],
        format('%s, and the backup reads everything', f.saying),
        f.object,
        f.remedy
    from relations as r
    cross join me
    cross join lateral (values
        (
            'unreadable', not has_schema_privilege(r.relnamespace, 'usage'),
            format('%s may not use the schema {}', me.rolname), format('%I', r.nspname),
            format('grant usage on schema %I to %I', r.nspname, me.rolname)
        ),
        (
            'unreadable',
            not case r.relkind when 'S' then has_sequence_privilege(r.oid, 'select') else has_table_privilege(r.oid, 'select') end,
            format('%s may not read {}', me.rolname), format('%I.%I', r.nspname, r.relname),
            format('grant select on %I.%I to %I', r.nspname, r.relname, me.rolname)
        ),
        (
            'row_security_elsewhere',
            r.relkind = 'r' and r.relrowsecurity and row_security_active(r.oid)
            and (r.nspname, r.relname) not in (
                ('', '') {%- for table in tables %}, ({{ quote_text(table.schema) }}, {{ quote_text(table.identifier) }}){% endfor %}
            ),
            format('row level security hides rows of {} from %s', me.rolname), format('%I.%I', r.nspname, r.relname),
            case
                when pg_has_role(r.relowner, 'USAGE')
                    then format('alter table %I.%I no force row level security', r.nspname, r.relname)
                else format('connect as the owner (%s), or as a role with BYPASSRLS', r.relowner::regrole)
            end
        )
    ) as f (finding, is_so, saying, object, remedy)
    where (r.relkind = 'r' or r.relkind in ('p', 'S') and r.is_dumped) and f.is_so

    union all

    select
        'unreadable',
        '{dump}',
        format('%s may not read the large object {}, and the backup reads everything', me.rolname),
        l.oid::text,
        format('grant select on large object %s to %I', l.oid, me.rolname)
    from pg_catalog.pg_largeobject_metadata as l
    cross join me
    where
        not current_setting('lo_compat_privileges')::boolean
        and not pg_has_role(l.lomowner, 'USAGE')
        and not exists (
            select 1
            from aclexplode(l.lomacl) as a
            where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_has_role(nullif(a.grantee, 0), 'USAGE'))
        )

    union all

    select
        'language_withheld',
        '{dump}',
        format('%s may not use the language {}, in which a migration, a backup and a restore have statements', me.rolname),
        format('%I', l.lanname),
        format('grant usage on language %I to %I', l.lanname, me.rolname)
    from pg_catalog.pg_language as l
    cross join me
    where l.lanname = 'plpgsql' and not has_language_privilege(l.oid, 'usage')

    union all

    select
        'lock_table',
        array_remove(array[case when l.dump > l.room then 'dump' end, case when l.in_place > l.room then 'in place' end], null),
        case
            when l.dump > l.room then format('a backup locks %s tables, sequences and views at once, and the server has room for %s locks{}', l.dump, l.room)
            else format('a restore in place locks up to %s objects at once, and the server has room for %s locks{}', l.in_place, l.room)
        end,
        '',
        format(
            'have max_locks_per_transaction set to %s (now %s), and the server restarted',
            ceil(case when l.dump > l.room then l.dump else l.in_place end * 1.2 / l.sessions / 32) * 32, current_setting('max_locks_per_transaction')
        )
    from ({{ lock_table(objects) }}) as l
    where l.dump > l.room or l.in_place > l.room

    union all

    select
        'no_createdb',
        '{trial,beside}',
        format('%s may not create databases, so no backup can be restored on trial{}', me.rolname),
        '',
        format('have a superuser run `alter role %I createdb`', me.rolname)
    from me
    where not me.may_create

    union all

    select
        'database_of_another',
        '{beside}',
        format('the database belongs to %s, and %s may not act for that role, so nothing can take its place{}', d.datdba::regrole, me.rolname),
        '',
        format('alter database %I owner to %I', d.datname, me.rolname)
    from pg_catalog.pg_database as d
    cross join me
    where d.datname = current_database() and not (pg_has_role(d.datdba, 'USAGE') and pg_has_role(d.datdba, me.becoming))

    union all

    select
        'extension',
        case when 'extension ' || b.extension = any(array[{{ prepared_names }}]::text[]) then '{}' else '{trial,beside}' end::text[],
        format('the extension {} cannot be made anew: %s', b.reason),
        b.extension,
        b.remedy
    from ({{ extensions_beyond("select e.extname::text, e.extversion from pg_catalog.pg_extension as e where e.oid >= 16384") }}) as b

    union all

    select
        'superusers_object',
        case
            when concat_ws(' ', i.type, i.identity) = any(array[{{ prepared_names }}]::text[]) then '{}'
            when z.objid is not null then '{beside}'
            else '{trial,beside}'
        end::text[] || case when y.objid is null then '{in place}' else '{}' end::text[],
        format('only a superuser may create the %s {}', s.kind)
        || case when z.objid is null then '' else ': the test restore leaves it out, and a restore beside the live database is not possible' end,
        i.identity,
        'connect as a superuser, or drop it'
        || case
            when y.objid is not null and s.classid in ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_cast'::regclass)
                then ', or have a superuser prepare the template that `cmsid doctor` describes'
            else ''
        end
    from superusers as s
    cross join me
    cross join lateral pg_identify_object(s.classid, s.objid, 0) as i
    left join members as m on s.classid = m.classid and s.objid = m.objid
    left join staying as y on s.classid = y.classid and s.objid = y.objid
    left join spared as z on s.classid = 'pg_catalog.pg_cast'::regclass and s.objid = z.objid
    where m.objid is null and s.objid >= 16384 and not me.rolsuper

    union all

    select
        'subscription',
        case when me.rolsuper then '{in place}' else '{beside,in place}' end::text[],
        format('%s neither dumps nor restores the subscription {}', me.rolname),
        format('%I', s.subname),
        'connect as a superuser, or drop it'
    from pg_catalog.pg_subscription as s
    cross join me
    where s.subdbid = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())

    union all

    select
        'owned_by_another',
        case when concat_ws(' ', i.type, i.identity) = any(array[{{ prepared_names }}]::text[]) then '{}' else '{trial,beside}' end::text[] || case when y.objid is null then '{in place}' else '{}' end::text[],
        format('%s may not give anything to %s, the owner of {}', me.rolname, pg_get_userbyid(o.owner)),
        format('%s %s', i.type, i.identity),
        concat(format('make %I the owner', me.rolname), case when not r.rolsuper then format(', or grant %I to %I', r.rolname, me.rolname) end)
    from owned as o
    inner join owners as w on o.owner = w.owner and o.schema_oid is not distinct from w.schema_oid and not w.is_mine
    inner join pg_catalog.pg_roles as r on o.owner = r.oid
    cross join me
    cross join lateral pg_identify_object(o.classid, o.objid, 0) as i
    left join staying as y on o.classid = y.classid and o.objid = y.objid

    union all

    select
        'owner_without_create',
        '{trial,beside}'::text[] || case when w.is_kept_open or y.objid is not null then '{}' else '{in place}' end::text[],
        format('%s may not create in schema %I before its privileges are restored, and owns {}', pg_get_userbyid(o.owner), w.nspname),
        format('%s %s', i.type, i.identity),
        format('make %I, or a role that %I is a member of, the owner of the schema or %I that of what is in it', pg_get_userbyid(o.owner), pg_get_userbyid(o.owner), me.rolname)
    from owned as o
    inner join owners as w on o.owner = w.owner and o.schema_oid = w.schema_oid
    cross join me
    cross join lateral pg_identify_object(o.classid, o.objid, 0) as i
    left join staying as y on o.classid = y.classid and o.objid = y.objid
    where not me.rolsuper and w.is_mine and not w.is_open and o.owner <> me.oid and not pg_has_role(o.owner, w.schema_owner, 'USAGE')

    union all

    select
        'granted_by_another',
        '{trial,beside,in place}',
        format('only a superuser can restore what %s has granted on {}', pg_get_userbyid(a.grantor)),
        format('%s %s', i.type, i.identity),
        'have the owner grant it instead'
    from privileges as p
    cross join me
    cross join lateral (select distinct x.grantor from aclexplode(p.acl) as x where x.grantor <> p.owner) as a
    cross join lateral pg_identify_object(p.classid, p.objid, 0) as i
    where not me.rolsuper and p.acl is not null

    union all

    -- a privilege on what the system brings is dumped where it is another than at first; a role without any there may give none
    select
        'granted_by_another',
        '{trial,beside}',
        'only a superuser can restore the privileges on the system''s own {}',
        format('%s %s', i.type, i.identity),
        'revoke what was granted there; membership in a role such as pg_monitor often gives the same'
    from (
        select
            'pg_catalog.pg_proc'::regclass as classid,
            p.oid as objid,
            0 as objsubid,
            p.proacl as acl,
            acldefault('f', p.proowner) as usual
        from pg_catalog.pg_proc as p
        where p.oid < 16384 and p.pronamespace = 'pg_catalog'::regnamespace

        union all

        select
            'pg_catalog.pg_class'::regclass,
            c.oid,
            0,
            c.relacl,
            acldefault('r', c.relowner)
        from pg_catalog.pg_class as c
        where c.oid < 16384 and c.relnamespace = 'pg_catalog'::regnamespace and c.relkind in ('r', 'v')

        union all

        select
            'pg_catalog.pg_class'::regclass,
            a.attrelid,
            a.attnum,
            a.attacl,
            acldefault('c', c.relowner)
        from pg_catalog.pg_attribute as a
        inner join pg_catalog.pg_class as c on a.attrelid = c.oid
        where c.oid < 16384 and c.relnamespace = 'pg_catalog'::regnamespace
    ) as s
    cross join me
    left join pg_catalog.pg_init_privs as f on s.classid = f.classoid and s.objid = f.objoid and s.objsubid = f.objsubid
    cross join lateral pg_identify_object(s.classid, s.objid, s.objsubid) as i
    where
        not me.rolsuper
        and s.acl is not null
        and not (s.acl @> coalesce(f.initprivs, s.usual) and s.acl <@ coalesce(f.initprivs, s.usual))
        and not exists (
            select 1
            from aclexplode(coalesce(f.initprivs, s.usual)) as a
            where a.grantee = 0 or pg_has_role(nullif(a.grantee, 0), 'USAGE')
        )

    union all

    select
        'owned_by_another',
        '{trial,beside}',
        format('%s may not set default privileges for {}', me.rolname),
        pg_get_userbyid(d.defaclrole),
        format('alter default privileges for role %I ... revoke', r.rolname) || case when r.rolsuper then '' else format(', or grant %I to %I', r.rolname, me.rolname) end
    from pg_catalog.pg_default_acl as d
    inner join pg_catalog.pg_roles as r on d.defaclrole = r.oid
    cross join me
    where not pg_has_role(d.defaclrole, 'USAGE')

    union all

    select
        'tablespace',
        '{trial,beside,in place}',
        format('%s may not use the tablespace {}', me.rolname),
        format('%I', t.spcname),
        format('grant create on tablespace %I to %I', t.spcname, me.rolname)
    from pg_catalog.pg_tablespace as t
    cross join me
    where
        not has_tablespace_privilege(t.oid, 'create')
        and (
            exists (select 1 from pg_catalog.pg_class as c where c.reltablespace = t.oid and c.oid >= 16384)
            or t.spcname <> 'pg_default' and exists (select 1 from pg_catalog.pg_database as d where d.dattablespace = t.oid and d.datname = current_database())
        )
),

numbered as (
    select
        o.*,
        row_number() over (partition by o.finding, o.hinders, o.saying order by o.object) as number
    from (select distinct finding, hinders, saying, object, remedy from objects) as o
),

findings as (
    select
        n.finding,
        n.hinders,
        replace(
            n.saying,
            '{}',
            string_agg(n.object, ', ' order by n.number) filter (where n.number <= 5)
            || case when count(*) > 5 then format(' and %s more', count(*) - 5) else '' end
        ) as detail,
        string_agg(n.remedy, '; ' order by n.number) filter (where n.number = n.first_number) as remedy
    from (
        select
            *,
            case when number <= 5 then min(number) over (partition by finding, hinders, saying, remedy) end as first_number
        from numbered
    ) as n
    group by n.finding, n.hinders, n.saying
)

select
    f.finding,
    null::text as table_name,
    case
        when f.hinders && '{dump,trial}' then 'both'
        -- neither way back is left
        when f.hinders && '{beside}' and exists (select 1 from findings as o where o.hinders && '{in place}') then 'both'
        else 'none'
    end as blocks,
    f.detail,
    case f.hinders when '{}' then 'a test restore and a restore beside begin from the template, which has it' else f.remedy end as remedy,
    f.hinders
from findings as f
order by 3, f.finding, f.detail
{%- endmacro %}
