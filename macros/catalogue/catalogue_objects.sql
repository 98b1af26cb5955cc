{% macro catalogue_objects(audit_schema, ledger_schemas=[]) %}
    {#- Self-contained. Every object of the database, outside the system's schemas and the audit schema, as a text that
        two moments can be compared by: (object_kind, object_name, definition). No object ids, no file names, no counters.
        How the server writes a definition depends on the session, so its settings are pinned, to the end of the
        transaction. `pinned` is read first, whatever the planner does: what it is joined with refers to it (lateral) and
        cannot be flattened (offset 0), so it can only run inside a loop over `pinned`. -#}
    {%- set audit = "'" ~ audit_schema.replace("'", "''") ~ "'" -%}
with pinned as materialized (
    select bool_and(set_config(s.name, s.value, true) is not null) as done
    from ({{ pinned_settings() }}) as s (name, value)
)

select
    o.object_kind,
    o.object_name,
    o.definition
from pinned
cross join lateral (
    with namespaces as materialized (
        select
            n.oid,
            quote_ident(n.nspname) as schema_name,
            n.nspowner,
            n.nspacl
        from pg_catalog.pg_namespace as n
        where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', {{ audit }}
            {%- for schema in ledger_schemas %}, '{{ schema.replace("'", "''") }}'{% endfor %})
    ),

    -- what belongs to an extension is described by the extension's version
    members as materialized (
        select
            d.classid,
            d.objid
        from pg_catalog.pg_depend as d
        where d.deptype = 'e'
    ),

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
    ),

    -- a privilege that was never granted or revoked counts as what it is by default
    privileges as (
        select
            case r.relkind when 'S' then 'sequence ' else 'table ' end || r.relation_name as on_what,
            coalesce(r.relacl, acldefault(case r.relkind when 'S' then 's'::"char" else 'r'::"char" end, r.relowner)) as acl
        from relations as r
        where r.relkind in ('r', 'p', 'v', 'm', 'f', 'S')

        union all

        select
            'column ' || r.relation_name || '.' || quote_ident(a.attname),
            a.attacl
        from relations as r
        inner join pg_catalog.pg_attribute as a on r.oid = a.attrelid
        where a.attacl is not null and a.attnum > 0 and not a.attisdropped

        union all

        select
            'schema ' || n.schema_name,
            coalesce(n.nspacl, acldefault('n', n.nspowner))
        from namespaces as n

        union all

        select
            f.routine_kind || ' ' || f.routine_name,
            coalesce(f.proacl, acldefault('f', f.proowner))
        from routines as f

        union all

        select
            'type ' || t.type_name,
            coalesce(t.typacl, acldefault('T', t.typowner))
        from types as t

        union all

        select
            'database',
            coalesce(d.datacl, acldefault('d', d.datdba))
        from pg_catalog.pg_database as d
        where d.datname = current_database()

        union all

        select
            'language ' || quote_ident(l.lanname),
            coalesce(l.lanacl, acldefault('l', l.lanowner))
        from pg_catalog.pg_language as l

        union all

        select
            'foreign data wrapper ' || quote_ident(w.fdwname),
            coalesce(w.fdwacl, acldefault('F', w.fdwowner))
        from pg_catalog.pg_foreign_data_wrapper as w

        union all

        select
            'foreign server ' || quote_ident(s.srvname),
            coalesce(s.srvacl, acldefault('S', s.srvowner))
        from pg_catalog.pg_foreign_server as s
    ),

    -- objects that registries seldom have, described by their catalogue row
    others as (
        select
            'pg_catalog.pg_operator'::regclass as class,
            x.oid,
            to_jsonb(x) as description
        from pg_catalog.pg_operator as x
        where x.oid >= 16384

        union all

        select
            'pg_catalog.pg_opclass'::regclass,
            x.oid,
            to_jsonb(x)
        from pg_catalog.pg_opclass as x
        where x.oid >= 16384

        union all

        select
            'pg_catalog.pg_opfamily'::regclass,
            x.oid,
            to_jsonb(x)
        from pg_catalog.pg_opfamily as x
        where x.oid >= 16384

        union all

        select
            'pg_catalog.pg_collation'::regclass,
            x.oid,
            to_jsonb(x)
        from pg_catalog.pg_collation as x
        where x.oid >= 16384

        union all

        select
            'pg_catalog.pg_conversion'::regclass,
            x.oid,
            to_jsonb(x)
        from pg_catalog.pg_conversion as x
        where x.oid >= 16384

        union all

        select
            'pg_catalog.pg_cast'::regclass,
            x.oid,
            to_jsonb(x)
        from pg_catalog.pg_cast as x
        where x.oid >= 16384

        union all

        select
            'pg_catalog.pg_language'::regclass,
            x.oid,
            to_jsonb(x) - 'lanacl'
        from pg_catalog.pg_language as x
        where x.oid >= 16384

        union all

        select
            'pg_catalog.pg_transform'::regclass,
            x.oid,
            to_jsonb(x)
        from pg_catalog.pg_transform as x
        where x.oid >= 16384

        union all

        select
            'pg_catalog.pg_am'::regclass,
            x.oid,
            to_jsonb(x)
        from pg_catalog.pg_am as x
        where x.oid >= 16384

        union all

        select
            'pg_catalog.pg_ts_config'::regclass,
            x.oid,
            to_jsonb(x) || jsonb_build_object('maps', (
                select jsonb_agg(jsonb_build_array(m.maptokentype, m.mapseqno, m.mapdict::regdictionary) order by m.maptokentype, m.mapseqno)
                from pg_catalog.pg_ts_config_map as m
                where m.mapcfg = x.oid
            ))
        from pg_catalog.pg_ts_config as x
        where x.oid >= 16384

        union all

        select
            'pg_catalog.pg_ts_dict'::regclass,
            x.oid,
            to_jsonb(x)
        from pg_catalog.pg_ts_dict as x
        where x.oid >= 16384
    ),

    objects as (
        select
            'database' as object_kind,
            'properties' as object_name,
            concat_ws(
                ', ',
                'owner ' || pg_get_userbyid(d.datdba),
                'tablespace ' || t.spcname,
                to_jsonb(d)
                - '{oid,datname,datdba,dattablespace,datacl,datfrozenxid,datminmxid,datlastsysoid,datcollversion,dathasloginevt}'::text []
            ) as definition
        from pg_catalog.pg_database as d
        left join pg_catalog.pg_tablespace as t on d.dattablespace = t.oid
        where d.datname = current_database()

        union all

        select
            'database setting',
            split_part(setting, '=', 1) || coalesce(' for ' || quote_ident(r.rolname), ''),
            substr(setting, strpos(setting, '=') + 1)
        from pg_catalog.pg_db_role_setting as s
        inner join pg_catalog.pg_database as d on s.setdatabase = d.oid and d.datname = current_database()
        cross join lateral unnest(s.setconfig) as setting
        left join pg_catalog.pg_roles as r on s.setrole = r.oid

        union all

        select
            'schema',
            n.schema_name,
            'owner ' || pg_get_userbyid(n.nspowner)
        from namespaces as n

        union all

        select
            'extension',
            quote_ident(e.extname),
            concat_ws(', ', 'version ' || e.extversion, 'schema ' || n.nspname, 'owner ' || pg_get_userbyid(e.extowner))
        from pg_catalog.pg_extension as e
        inner join pg_catalog.pg_namespace as n on e.extnamespace = n.oid
        where n.nspname <> {{ audit }}

        union all

        select
            case r.relkind
                when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' when 'p' then 'partitioned table'
                when 'S' then 'sequence' else 'table'
            end,
            r.relation_name,
            concat_ws(
                ', ',
                case r.relpersistence when 'u' then 'unlogged' end,
                'owner ' || pg_get_userbyid(r.relowner),
                'access method ' || m.amname,
                'tablespace ' || ts.spcname,
                'options ' || nullif(array_to_string(array(select unnest(r.reloptions) order by 1), ' '), ''),
                'toast options ' || nullif(array_to_string(array(select unnest(toast.reloptions) order by 1), ' '), ''),
                case when r.relrowsecurity then 'row level security' end,
                case when r.relforcerowsecurity then 'row level security forced' end,
                'replica identity '
                || case when r.relkind in ('r', 'p') then case r.relreplident when 'n' then 'nothing' when 'f' then 'full' when 'i' then 'index' end end,
                case when r.relkind = 'm' and not r.relispopulated then 'not populated' end,
                'of type ' || nullif(r.reloftype, 0)::regtype,
                'partition by ' || pg_get_partkeydef(r.oid),
                'inherits ' || (
                    select string_agg(i.inhparent::regclass::text, ' ' order by i.inhseqno)
                    from pg_catalog.pg_inherits as i
                    where i.inhrelid = r.oid
                ),
                pg_get_expr(r.relpartbound, r.oid),
                'server ' || (
                    select s.srvname || ' ' || coalesce(array_to_string(f.ftoptions, ' '), '')
                    from pg_catalog.pg_foreign_table as f
                    inner join pg_catalog.pg_foreign_server as s on f.ftserver = s.oid
                    where f.ftrelid = r.oid
                ),
                case when r.relkind in ('v', 'm') then pg_get_viewdef(r.oid) end,
                (
                    select
                        format(
                            '%s start %s increment %s from %s to %s cache %s%s', format_type(s.seqtypid, null), s.seqstart, s.seqincrement,
                            s.seqmin, s.seqmax, s.seqcache, case when s.seqcycle then ' cycle' else '' end
                        )
                    from pg_catalog.pg_sequence as s
                    where s.seqrelid = r.oid
                ),
                (
                    select
                        case d.deptype when 'i' then 'identity of ' else 'owned by ' end
                        || d.refobjid::regclass::text || '.' || quote_ident(a.attname)
                    from pg_catalog.pg_depend as d
                    inner join pg_catalog.pg_attribute as a on d.refobjid = a.attrelid and d.refobjsubid = a.attnum
                    where
                        r.relkind = 'S'
                        and d.classid = 'pg_catalog.pg_class'::regclass
                        and d.objid = r.oid
                        and d.objsubid = 0
                        and d.refclassid = 'pg_catalog.pg_class'::regclass
                        and d.deptype in ('a', 'i')
                )
            )
        from relations as r
        left join pg_catalog.pg_am as m on r.relam = m.oid
        left join pg_catalog.pg_tablespace as ts on r.reltablespace = ts.oid
        left join pg_catalog.pg_class as toast on r.reltoastrelid = toast.oid and r.reltoastrelid <> 0
        where r.relkind in ('r', 'p', 'v', 'm', 'f', 'S')

        union all

        select
            'column',
            r.relation_name || '.' || quote_ident(a.attname),
            concat_ws(
                ', ',
                format_type(a.atttypid, a.atttypmod),
                'collation ' || case when a.attcollation <> t.typcollation then a.attcollation::regcollation end,
                case when a.attnotnull then 'not null' end,
                case a.attgenerated when 's' then 'generated stored ' when 'v' then 'generated virtual ' else 'default ' end
                || pg_get_expr(e.adbin, e.adrelid),
                case a.attidentity when 'a' then 'generated always as identity' when 'd' then 'generated by default as identity' end,
                case when a.attstorage <> t.typstorage then 'storage ' || a.attstorage::text end,
                'compression ' || nullif(a.attcompression::text, ''),
                'statistics ' || nullif(a.attstattarget, -1),
                -- the two that one can set: some builds of the server stamp every column with one of their own
                'options ' || nullif(array_to_string(array(select entry from unnest(a.attoptions) as entry where entry like 'n\_distinct%' order by 1), ' '), ''),
                'foreign options ' || array_to_string(a.attfdwoptions, ' '),
                case when a.attinhcount > 0 then case when a.attislocal then 'inherited and local' else 'inherited' end end
            )
        from relations as r
        inner join pg_catalog.pg_attribute as a on r.oid = a.attrelid and a.attnum > 0 and not a.attisdropped
        inner join pg_catalog.pg_type as t on a.atttypid = t.oid
        left join pg_catalog.pg_attrdef as e on a.attrelid = e.adrelid and a.attnum = e.adnum
        where r.relkind in ('r', 'p', 'v', 'm', 'f', 'c')

        union all

        select
            'constraint',
            coalesce(r.relation_name, t.type_name) || '.' || quote_ident(k.conname),
            concat_ws(
                ', ',
                pg_get_constraintdef(k.oid),
                case when k.coninhcount > 0 then case when k.conislocal then 'inherited and local' else 'inherited' end end,
                'not enforced: ' || d.how_many || ' of its triggers disabled or changed'
            )
        from pg_catalog.pg_constraint as k
        left join relations as r on k.conrelid = r.oid
        left join types as t on k.contypid = t.oid
        left join disabled_triggers as d on k.oid = d.tgconstraint
        where k.contype <> 't' and coalesce(r.oid, t.oid) is not null

        union all

        select
            'index',
            r.relation_name,
            concat_ws(
                ', ',
                pg_get_indexdef(r.oid),
                case when not i.indisvalid then 'INVALID' end,
                case when not i.indisready then 'not ready' end,
                case when not i.indislive then 'not live' end,
                case when not i.indimmediate then 'deferrable' end,
                case when i.indisreplident then 'replica identity' end,
                case when i.indisclustered then 'clustered on' end,
                'tablespace ' || ts.spcname,
                'statistics ' || (
                    select string_agg(a.attnum || ' ' || a.attstattarget, ' ' order by a.attnum)
                    from pg_catalog.pg_attribute as a
                    where a.attrelid = r.oid and a.attstattarget >= 0 and r.relkind = 'i'
                )
            )
        from relations as r
        inner join pg_catalog.pg_index as i on r.oid = i.indexrelid
        left join pg_catalog.pg_tablespace as ts on r.reltablespace = ts.oid

        union all

        select
            'trigger',
            r.relation_name || '.' || quote_ident(t.tgname),
            pg_get_triggerdef(t.oid)
            || case t.tgenabled when 'D' then ', disabled' when 'A' then ', enabled always' when 'R' then ', enabled on replica' else '' end
        from pg_catalog.pg_trigger as t
        inner join relations as r on t.tgrelid = r.oid
        where not t.tgisinternal

        union all

        select
            'rule',
            r.relation_name || '.' || quote_ident(w.rulename),
            pg_get_ruledef(w.oid)
            || case w.ev_enabled when 'D' then ', disabled' when 'A' then ', enabled always' when 'R' then ', enabled on replica' else '' end
        from pg_catalog.pg_rewrite as w
        inner join relations as r on w.ev_class = r.oid
        where w.rulename <> '_RETURN'

        union all

        select
            'policy',
            r.relation_name || '.' || quote_ident(p.polname),
            concat_ws(
                ' ',
                case when p.polpermissive then 'permissive' else 'restrictive' end,
                'for',
                case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
                'to',
                (
                    select string_agg(case role_id when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(role_id)) end, ' ' order by role_id)
                    from unnest(p.polroles) as role_id
                ),
                'using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                'with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'
            )
        from pg_catalog.pg_policy as p
        inner join relations as r on p.polrelid = r.oid

        union all

        select
            f.routine_kind,
            f.routine_name,
            'owner ' || pg_get_userbyid(f.proowner) || ', '
            || case
                when f.prokind <> 'a' then pg_get_functiondef(f.oid)
                else (
                    select concat_ws(
                        ', ', g.aggkind::text, g.aggtransfn::regprocedure::text, format_type(g.aggtranstype, null), g.aggtransspace::text,
                        'initial ' || g.agginitval, 'final ' || g.aggfinalfn::text, g.aggfinalextra::text, g.aggfinalmodify::text,
                        g.aggcombinefn::text, g.aggserialfn::text, g.aggdeserialfn::text, g.aggmtransfn::text, g.aggminvtransfn::text,
                        g.aggmfinalfn::text, format_type(nullif(g.aggmtranstype, 0), null), g.aggminitval, g.aggsortop::regoperator::text
                    )
                    from pg_catalog.pg_aggregate as g
                    where g.aggfnoid = f.oid
                )
            end
        from routines as f

        union all

        select
            t.type_kind,
            t.type_name,
            concat_ws(
                ', ',
                'owner ' || pg_get_userbyid(t.typowner),
                (
                    select string_agg(quote_literal(e.enumlabel), ' ' order by e.enumsortorder)
                    from pg_catalog.pg_enum as e
                    where e.enumtypid = t.oid
                ),
                case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
                'collation ' || case when t.typtype = 'd' and t.typcollation <> 0 then t.typcollation::regcollation end,
                case when t.typnotnull then 'not null' end,
                'default ' || t.typdefault,
                (
                    select concat_ws(' ', format_type(g.rngsubtype, null), g.rngcanonical::text, g.rngsubdiff::text, nullif(g.rngcollation, 0)::regcollation::text)
                    from pg_catalog.pg_range as g
                    where g.rngtypid = t.oid
                ),
                case
                    when t.typtype = 'b' then concat_ws(
                        ' ', t.typinput::text, t.typoutput::text, t.typlen::text, t.typalign::text, t.typstorage::text, t.typbyval::text
                    )
                end
            )
        from types as t

        union all

        select
            'statistics',
            n.schema_name || '.' || quote_ident(s.stxname),
            concat_ws(
                ', ', 'owner ' || pg_get_userbyid(s.stxowner), pg_get_statisticsobjdef(s.oid), 'target ' || nullif(s.stxstattarget, -1)
            )
        from pg_catalog.pg_statistic_ext as s
        inner join namespaces as n on s.stxnamespace = n.oid

        union all

        select
            'publication',
            quote_ident(p.pubname),
            'owner ' || pg_get_userbyid(p.pubowner) || ', ' || (to_jsonb(p) - '{oid,pubname,pubowner}'::text [])
        from pg_catalog.pg_publication as p

        union all

        select
            'publication table',
            quote_ident(p.pubname) || ' ' || r.relation_name,
            -- columns and filter came with PostgreSQL 15
            concat_ws(
                ', ', 'published', 'columns ' || (to_jsonb(pr) ->> 'prattrs'), 'filter ' || md5(to_jsonb(pr) ->> 'prqual')
            )
        from pg_catalog.pg_publication_rel as pr
        inner join pg_catalog.pg_publication as p on pr.prpubid = p.oid
        inner join relations as r on pr.prrelid = r.oid

        union all

        select
            'publication schema',
            quote_ident(p.pubname) || ' ' || n.schema_name,
            'published'
        from pg_catalog.pg_depend as in_publication
        inner join pg_catalog.pg_publication as p
            on in_publication.refclassid = 'pg_catalog.pg_publication'::regclass and in_publication.refobjid = p.oid
        inner join pg_catalog.pg_depend as of_schema
            on in_publication.classid = of_schema.classid and in_publication.objid = of_schema.objid
        inner join namespaces as n on of_schema.refclassid = 'pg_catalog.pg_namespace'::regclass and of_schema.refobjid = n.oid
        -- a catalogue that came with PostgreSQL 15
        where in_publication.classid = to_regclass('pg_catalog.pg_publication_namespace')

        union all

        select
            'subscription',
            quote_ident(s.subname),
            concat_ws(
                ', ', 'owner ' || pg_get_userbyid(s.subowner), case when s.subenabled then 'enabled' else 'disabled' end, s.subslotname,
                array_to_string(s.subpublications, ' ')
            )
        from pg_catalog.pg_subscription as s
        inner join pg_catalog.pg_database as d on s.subdbid = d.oid and d.datname = current_database()

        union all

        select
            'event trigger',
            quote_ident(t.evtname),
            concat_ws(
                ', ', t.evtevent, 'owner ' || pg_get_userbyid(t.evtowner), t.evtfoid::regprocedure::text, 'enabled ' || t.evtenabled::text,
                array_to_string(t.evttags, ' ')
            )
        from pg_catalog.pg_event_trigger as t
        where not exists (
            select 1
            from members as m
            where m.classid = 'pg_catalog.pg_event_trigger'::regclass and m.objid = t.oid
        )

        union all

        select
            'foreign data wrapper',
            quote_ident(w.fdwname),
            concat_ws(
                ', ', 'owner ' || pg_get_userbyid(w.fdwowner), nullif(w.fdwhandler, 0)::regproc::text,
                nullif(w.fdwvalidator, 0)::regproc::text, array_to_string(w.fdwoptions, ' ')
            )
        from pg_catalog.pg_foreign_data_wrapper as w

        union all

        select
            'foreign server',
            quote_ident(s.srvname),
            concat_ws(
                ', ', 'owner ' || pg_get_userbyid(s.srvowner), w.fdwname, s.srvtype, s.srvversion, array_to_string(s.srvoptions, ' ')
            )
        from pg_catalog.pg_foreign_server as s
        inner join pg_catalog.pg_foreign_data_wrapper as w on s.srvfdw = w.oid

        union all

        -- its options hold passwords, and are not shown to everyone
        select
            'user mapping',
            quote_ident(u.srvname) || ' ' || coalesce(quote_ident(u.usename), 'PUBLIC'),
            'mapped'
        from pg_catalog.pg_user_mappings as u

        union all

        select
            'grant',
            'on ' || p.on_what || ' to ' || case g.grantee when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(g.grantee)) end,
            string_agg(
                g.privilege_type || case when g.is_grantable then ' with grant option' else '' end || ' from ' || pg_get_userbyid(g.grantor),
                ', ' order by g.privilege_type, pg_get_userbyid(g.grantor)
            )
        from privileges as p
        cross join lateral aclexplode(p.acl) as g
        group by p.on_what, g.grantee

        union all

        select
            'default privileges',
            concat_ws(
                ' ', 'of', quote_ident(pg_get_userbyid(d.defaclrole)),
                'on', case d.defaclobjtype
                    when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' when 'n' then 'schemas'
                    else d.defaclobjtype::text
                end,
                'in schema ' || n.schema_name
            ),
            array_to_string(array(select entry::text from unnest(d.defaclacl) as entry order by 1), ' ')
        from pg_catalog.pg_default_acl as d
        left join namespaces as n on d.defaclnamespace = n.oid
        where d.defaclnamespace = 0 or n.oid is not null

        union all

        select
            'comment',
            concat_ws(' ', 'on', i.type, i.identity),
            d.description
        from pg_catalog.pg_description as d
        cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) as i
        where
            (d.objoid >= 16384 or d.classoid = 'pg_catalog.pg_namespace'::regclass)
            and i.identity is not null
            and coalesce(i.schema, case when i.type = 'schema' then i.name end, '') <> quote_ident({{ audit }})
            and coalesce(i.schema, case when i.type = 'schema' then i.name end, '') !~ '^"?pg_'
            and not exists (
                select 1
                from members as m
                where m.classid = d.classoid and m.objid = d.objoid
            )

        union all

        select
            'comment',
            'on database',
            shobj_description(d.oid, 'pg_database')
        from pg_catalog.pg_database as d
        where d.datname = current_database() and shobj_description(d.oid, 'pg_database') is not null

        union all

        select
            'security label',
            concat_ws(' ', l.provider, 'on', i.type, i.identity),
            l.label
        from pg_catalog.pg_seclabel as l
        cross join lateral pg_identify_object(l.classoid, l.objoid, l.objsubid) as i

        union all

        select
            i.type,
            i.identity,
            (x.description - 'oid')::text
        from others as x
        cross join lateral pg_identify_object(x.class, x.oid, 0) as i
        where
            coalesce(i.schema, '') <> quote_ident({{ audit }})
            and not exists (
                select 1
                from members as m
                where m.classid = x.class and m.objid = x.oid
            )
    )

    select *
    from objects
    where pinned.done
    offset 0
) as o
{% endmacro %}
