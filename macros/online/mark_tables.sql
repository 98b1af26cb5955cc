{% macro mark_tables(tables) %}
    {#- The cut-over: one short transaction for all tables. A default that is a constant is kept in the catalogue, so that
        every existing row reads it at once and none is written; with the default dropped again, every later row has NULL. -#}
    {%- set mark = mark_of(var('cms_id_type')) -%}
    {%- set body -%}
{%- for table in tables %}
if exists (select 1 from only {{ table.relation }} where {{ table.id }} = {{ mark }}) then
    raise exception {{ quote_text(table.name.replace('%', '%%') ~ ' has a row with the id ' ~ mark ~ ', which online mode needs as its mark') }}
        using hint = 'Nothing was changed. Use window mode.';
end if;
alter table {{ table.relation }} add column cms_id {{ var('cms_id_type') }} default {{ mark }};
alter table {{ table.relation }} alter column cms_id drop default;
{%- endfor %}
insert into {{ audit_relation('migrations') }} (
    migration_id, table_name, schema_name, relation_name, mode, state, constraint_name, mark, cut_over_at, backup_id
)
select
    (
        -- a table that comes later joins the migration that is open
        select coalesce(max(m.migration_id) filter (where m.mode = 'online' and m.state in ('{{ open_states() | join("', '") }}')), max(m.migration_id) + 1, 1)
        from {{ audit_relation('migrations') }} as m
    ),
    t.table_name,
    t.schema_name,
    t.relation_name,
    'online',
    'marked',
    t.constraint_name,
    {{ mark }},
    (select clock_timestamp()),
    {{ newest_backup() if var('require_backup') else 'null' }}
from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name);
insert into {{ audit_relation('events') }} (event, detail)
values ('marked', format(
    '{{ tables | length }} tables, locked at attempt %s for %s ms', attempt, round((extract(epoch from clock_timestamp() - locked_at) * 1000)::numeric, 1)
));
    {%- endset -%}
    {%- do return(under_short_locks(tables, 'cut-over of ' ~ tables | length ~ ' tables', body, 'Nothing was changed.')) -%}
{% endmacro %}
