{% macro told_orphans(query='') %}
    {#- What rows that point to no row (`failing`, with of_rows, their table's number) are said to be, for
        difference_rows. `query` shows them; empty without one. -#}
select
    f.table_name,
    f.column_name,
    count(*) as n,
    max(f.of_rows) as of_rows,
    'rows' as noun,
    f.table_name || '.' || f.column_name as subject,
    to_char(count(*), 'FM999,999,999,999,990') || ' of ' || to_char(max(f.of_rows), 'FM999,999,999,999,990') || ' rows, pointing to no row' as told,
    'pointing to no row' as pattern,
    case when count(*) = 1 then 'key ' else to_char(count(*), 'FM999,999,999,999,990') || ' keys, such as ' end || min(f.key) as keys,
    null::jsonb as places,
    'damage: a foreign key in force refuses them, so it is gone, or not valid, or was written around' as verdict,
    false as is_derived,
    {{ quote_text(query) }} as query
from failing as f
where f.of_rows is not null
group by f.table_name, f.column_name, f.expected
{% endmacro %}
