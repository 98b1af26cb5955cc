{% macro told_rows(failing, judged) %}
    {#- The rows of a query `failing`, and before them what `judged`, which reads `failing`, says of all of them, for difference_rows. -#}
select told.* from (
with failing as materialized (
    {{ failing }}
),

judged as (
    {{ judged }}
),

summaries as (
    {{ difference_rows('judged') }}
)

select s.* from summaries as s
union all
select f.table_name, f.key, f.column_name, f.expected, f.actual, null from failing as f
) as told
{% endmacro %}
