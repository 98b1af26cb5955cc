{% macro preflight_audit_findings(tables, audit_schema) %}
    {#- As preflight_findings, about whose log stands in the audit schema, where there is one: log and baseline know a table by
        its name as a source, and a second registry's would take the place of the first one's. Where the logged relation is
        gone, the table was moved or renamed, and is the same one. Self-contained. -#}
select
    'audit_schema_in_use' as finding,
    null as table_name,
    'both' as blocks,
    format(
        'the audit schema %I belongs to the registry in schema %s, where %s of these tables are migrated',
        {{ quote_text(audit_schema) }}, string_agg(distinct quote_ident(m.schema_name), ', '), count(distinct m.table_name)
    ) as detail,
    'give this registry an audit schema of its own, by schema in profiles.yml, or undo that migration first' as remedy
from {{ quote_name(audit_schema) }}.migrations as m
inner join ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
    on m.table_name = t.table_name and (m.schema_name, m.relation_name) <> (t.schema_name, t.relation_name)
inner join pg_catalog.pg_namespace as n on m.schema_name = n.nspname
inner join pg_catalog.pg_class as c on n.oid = c.relnamespace and m.relation_name = c.relname and c.relkind = 'r'
where m.state not in ('undone', 'abandoned')
having count(*) > 0
{%- endmacro %}
