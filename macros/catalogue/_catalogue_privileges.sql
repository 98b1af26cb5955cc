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
{% endmacro %}
