{% macro _catalogue_privileges() %}
    {#- Every access control list of the database with what it is on; one never touched counts as its default. A part of catalogue_objects. -#}
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
        'database',
        coalesce(d.datacl, acldefault('d', d.datdba))
    from pg_catalog.pg_database as d
    where d.datname = current_database()
    {%- for on_what, prefix, kind, catalogue in [
        ("'schema ' || x.schema_name", 'nsp', 'n', 'namespaces'),
        ("x.routine_kind || ' ' || x.routine_name", 'pro', 'f', 'routines'),
        ("'type ' || x.type_name", 'typ', 'T', 'types'),
        ("'language ' || quote_ident(x.lanname)", 'lan', 'l', 'pg_catalog.pg_language'),
        ("'foreign data wrapper ' || quote_ident(x.fdwname)", 'fdw', 'F', 'pg_catalog.pg_foreign_data_wrapper'),
        ("'foreign server ' || quote_ident(x.srvname)", 'srv', 'S', 'pg_catalog.pg_foreign_server'),
    ] %}

    union all

    select
        {{ on_what }},
        coalesce(x.{{ prefix }}acl, acldefault('{{ kind }}', x.{{ prefix }}owner))
    from {{ catalogue }} as x
    {%- endfor %}
{% endmacro %}
