{% macro counted_tables(verdict, is_derived) %}
    {#- What all tables that are `failing` (with was_rows, now_rows and the words of table_change in `change`) are said to be, each by
        itself, for difference_rows. -#}
select
    f.table_name,
    f.column_name,
    greatest(abs(coalesce(f.now_rows, 0) - coalesce(f.was_rows, 0)), 1) as n,
    coalesce(f.was_rows, 0) as of_rows,
    'rows' as noun,
    f.table_name as subject,
    f.change as told,
    regexp_replace(f.change, '.*, ', '') as pattern,
    '' as keys,
    null::jsonb as places,
    {{ quote_text(verdict) }} as verdict,
    {{ is_derived | lower }} as is_derived,
    '' as query
from failing as f
where f.change is not null
{% endmacro %}
