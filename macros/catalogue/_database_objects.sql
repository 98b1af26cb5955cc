{% macro _database_objects(audit) %}
    {#- The database itself, its settings, schemas and extensions. A part of catalogue_objects. -#}
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
{% endmacro %}
