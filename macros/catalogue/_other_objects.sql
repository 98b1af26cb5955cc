{% macro _other_objects(audit) %}
    {#- Operators, collations, casts, languages, text search and other objects that registries seldom have. A part of catalogue_objects. -#}
select
    i.type,
    i.identity,
    x.description::text
from others as x
cross join lateral pg_identify_object(x.class, x.oid, 0) as i
where
    coalesce(i.schema, '') <> quote_ident({{ audit }})
    and not exists (
        select 1
        from members as m
        where m.classid = x.class and m.objid = x.oid
    )
{% endmacro %}
