{% macro _grant_objects() %}
    {#- Who may do what: grants, and default privileges. A part of catalogue_objects. -#}
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
{% endmacro %}
