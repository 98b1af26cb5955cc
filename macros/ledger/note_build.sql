{% macro note_build(table, began) %}
    {#- The statement after a concurrent build of the index, which commits by itself and so can note nothing while it holds its lock. -#}
insert into {{ audit_relation('locks') }} (began_at, command, table_name, step, relation_name, mode, taken_at, released_at)
select
    current_setting('cms_id.ledger')::timestamptz,
    'migrate-online',
    {{ quote_text(table.name) }},
    {{ quote_text(table.name ~ ': build the index') }},
    format('%I.%I', n.nspname, c.relname),
    'ShareUpdateExclusiveLock',
    {{ quote_text(began) }}::timestamptz,
    clock_timestamp()
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where c.oid = {{ quote_text(table.relation) }}::regclass
on conflict do nothing
{%- endmacro %}
