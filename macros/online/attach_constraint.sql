{% macro attach_constraint(table) %}
    {#- The constraint takes the index over: a change of the catalogue, without reading the table. -#}
    {%- set body -%}
alter table {{ table.relation }} add constraint {{ quote_name(table.constraint) }} unique using index {{ quote_name(table.constraint) }};
update {{ audit_relation('migrations') }} set state = 'done', finished_at = clock_timestamp() where {{ open_migration_of(table) }};
insert into {{ audit_relation('events') }} (event, table_name, detail)
values ('done', {{ quote_text(table.name) }}, format(
    'locked at attempt %s for %s ms', attempt, round((extract(epoch from clock_timestamp() - locked_at) * 1000)::numeric, 1)
));
    {%- endset -%}
    {%- do return(under_short_locks([table], table.name ~ ': attach the constraint', body, 'Everything done so far is kept.')) -%}
{% endmacro %}
