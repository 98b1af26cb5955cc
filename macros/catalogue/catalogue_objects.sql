{% macro catalogue_objects(audit_schema, ledger_schemas=[]) %}
    {#- Self-contained. Every object of the database, outside the system's schemas and the audit schema, as a text that
        two moments can be compared by: (object_kind, object_name, definition). No object ids, no file names, no
        counters. How the server writes a definition depends on the session, so its settings are pinned, to the end of
        the transaction. `pinned` is read first, whatever the planner does: what it is joined with refers to it
        (lateral) and cannot be flattened (offset 0), so it can only run inside a loop over `pinned`. The schemas in
        which the application's migration tool keeps its ledger (`ledger_schemas`) are left out too. -#}
    {%- set audit = quote_text(audit_schema) -%}
with pinned as materialized (
    select bool_and(set_config(s.name, s.value, true) is not null) as done
    from ({{ value_settings() }}) as s (name, value)
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
            {%- for schema in ledger_schemas %}, {{ quote_text(schema) }}{% endfor %})
    ),

    -- what belongs to an extension is described by the extension's version
    members as materialized (
        select
            d.classid,
            d.objid
        from pg_catalog.pg_depend as d
        where d.deptype = 'e'
    ),

    {{ _catalogue_ctes() | indent(4) }},

    privileges as (
        {{ _catalogue_privileges() | indent(8) }}
    ),

    others as (
        {{ _catalogue_rows_of_other_objects() | indent(8) }}
    ),

    objects as (
        {{ _database_objects(audit) | indent(8) }}
        union all
        {{ _relation_objects() | indent(8) }}
        union all
        {{ _column_objects() | indent(8) }}
        union all
        {{ _constraint_objects() | indent(8) }}
        union all
        {{ _index_objects() | indent(8) }}
        union all
        {{ _trigger_objects() | indent(8) }}
        union all
        {{ _routine_objects() | indent(8) }}
        union all
        {{ _type_objects() | indent(8) }}
        union all
        {{ _replication_objects() | indent(8) }}
        union all
        {{ _foreign_data_objects() | indent(8) }}
        union all
        {{ _grant_objects() | indent(8) }}
        union all
        {{ _comment_objects(audit) | indent(8) }}
        union all
        {{ _other_objects(audit) | indent(8) }}
    )

    select *
    from objects
    where pinned.done
    offset 0
) as o
{% endmacro %}
