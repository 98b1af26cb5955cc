{% macro _relation_objects() %}
    {#- Tables, views, materialized views, foreign tables and sequences. A part of catalogue_objects. -#}
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
        'of type ' || nullif(r.reloftype, 0)::regtype::text,
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
{% endmacro %}
