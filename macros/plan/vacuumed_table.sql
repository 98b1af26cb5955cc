{% macro vacuumed_table(tables) %}
    {#- A query of one text: a table that autovacuum is at work on. Its worker alone is nobody's session, which every role may see. -#}
select l.relation::regclass::text
from pg_catalog.pg_locks as l
inner join pg_catalog.pg_stat_activity as a on l.pid = a.pid
where
    l.granted
    and l.mode = 'ShareUpdateExclusiveLock'
    and a.usesysid is null
    and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
    and l.relation in (
        {%- for table in tables %}
        {{ quote_text(table.relation) }}::regclass{{ ',' if not loop.last }}
        {%- endfor %}

    )
order by l.relation
limit 1
{%- endmacro %}
