{% macro preflight_unlogged_findings(tables, audit_schema) %}
    {#- Of tables whose cms_id is complete and in no log of ours: that a run would not know what it means, so that it must
        not begin. Other schemas that hold a log of ours are named: the profile may have another one than it had. As
        preflight_findings does it, one row for all tables. Self-contained. -#}
select
    'cms_id_unlogged' as finding,
    null::text as table_name,
    'both' as blocks,
    format(
        '%s: there is a cms_id that no finished migration is known to have made, by the log of schema %s',
        {{ quote_text(tables | map(attribute='name') | join(', ')) }}, {{ quote_text(audit_schema) }}
    ) as detail,
    coalesce('if its log is in ' || logs.names || ', name that as the schema in the dbt profile, else ', '')
    || 'take the column back with `scripts/cmsid undo`' as remedy
from (
    select string_agg(quote_ident(n.nspname), ' or ' order by n.nspname) as names
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    inner join pg_catalog.pg_attribute as a on c.oid = a.attrelid and a.attname = 'rows_at_cut_over' and not a.attisdropped
    where c.relname = 'migrations' and c.relkind = 'r' and n.nspname <> {{ quote_text(audit_schema) }}
) as logs
{%- endmacro %}
