{% macro _comment_objects(audit) %}
    {#- Comments and security labels. A part of catalogue_objects. -#}
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
{% endmacro %}
