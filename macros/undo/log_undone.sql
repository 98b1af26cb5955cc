{% macro log_undone(tables) %}
    {#- One statement: the tables' migration is over, and the log says how many there were. -#}
with undone as (
    update {{ audit_relation('migrations') }} as m
    set
        state = 'undone',
        undone_at = clock_timestamp()
    from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
    where m.table_name = t.table_name and m.state not in ('undone', 'abandoned')
    returning m.table_name
)

insert into {{ audit_relation('events') }} (event, detail)
select
    'undone' as event,
    '{{ tables | length }} tables, ' || count(*)::text || ' of them migrated by us' as detail
from undone
{% endmacro %}
