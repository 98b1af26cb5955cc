{% macro told_differences(comparisons, plain=[]) %}
    {#- Failing rows as a person would tell them. First a row for each table and column: how many of how many rows, what
        all of them share, where they lie, what they come from; its column `summary` has the same as JSON. Then the
        rows. What differs is put aside once; a table is read again only for the number and range of its keys, and only
        where something differs. `plain` are queries of failing rows that speak for themselves. `comparisons` are {name,
        key, columns, kept, live, rows}; without `live` they are derived from the core tables. -#}
    {%- if not comparisons -%}
select failing.*, null::jsonb as summary from ({{ plain | join('\nunion all\n') }}) as failing
    {%- else -%}
select told.* from (
with differing as materialized (
    {%- for comparison in comparisons %}
({{ comparison.rows }})
    {{- '\nunion all' if not loop.last }}
    {%- endfor %}
),

concerned as materialized (
    select distinct table_name from differing
),

whole as (
    {%- for comparison in comparisons %}
        {%- set comparable = {} -%}
        {%- for column in comparison.columns or [] -%}{%- do comparable.update({column.name: column.comparable}) -%}{%- endfor %}
select
    {{ quote_text(comparison.name) }}::text as table_name,
    {{ quote_text(quote_name(comparison.key)) }}::text as id,
    {{ quote_text(comparison.kept) if comparison.live else 'null' }}::text as kept,
    {{ quote_text(comparison.live) if comparison.live else 'null' }}::text as live,
    {{ 'false' if comparison.live else 'true' }} as is_derived,
    {{ quote_text(comparable | tojson) }}::jsonb as comparable,
    count(*) as of_rows,
    min(whole.{{ quote_name(comparison.key) }})::text as lowest,
    max(whole.{{ quote_name(comparison.key) }})::text as highest
from ({{ comparison.kept }}) as whole
where {{ quote_text(comparison.name) }} in (select c.table_name from concerned as c)
    {{- '\nunion all' if not loop.last }}
    {%- endfor %}
),

summaries as (
{{ difference_summaries('differing', 'whole') }}
)

select s.table_name, s.key, s.column_name, s.expected, s.actual, s.summary from summaries as s
union all
select d.table_name, d.key, d.column_name, d.expected, d.actual, null from differing as d
    {%- for query in plain %}
union all
select p.table_name, p.key, p.column_name, p.expected, p.actual, null from ({{ query }}) as p
    {%- endfor %}
) as told
    {%- endif -%}
{% endmacro %}
