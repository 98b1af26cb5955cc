{% macro value_differences(table_name, expected, actual, key, columns, origin='null', transaction='null') %}
    {#- Two relations compared by value: typed, NULL-safe, every column, one full join on the key. A row of the result
        for each column that differs, with both values; for a row that only one side has, one row. What stands after the
        five columns of a failing row is for told_differences: both values with NULL as NULL, and where the row says it
        comes from. `origin` is an expression over `expected` and `actual`, `transaction` one over `actual`. -#}
    {%- set key_name = quote_name(key) -%}
    {%- set others = columns | rejectattr('name', 'equalto', key) | list -%}
    {%- set differs = [] -%}
    {%- for column in others -%}
        {%- do differs.append(column.comparable.replace('{}', 'expected', 1) ~ ' is distinct from ' ~ column.comparable.replace('{}', 'actual', 1)) -%}
    {%- endfor -%}
select
    {{ quote_text(table_name) }}::text as table_name,
    coalesce(expected.{{ key_name }}, actual.{{ key_name }})::text as key,
    difference.column_name,
    coalesce(difference.was, 'NULL') as expected,
    coalesce(difference.now, 'NULL') as actual,
    difference.was,
    difference.now,
    difference.is_moment,
    ({{ origin }})::text as origin,
    ({{ transaction }})::text as transaction
from ({{ expected }}) as expected
full join ({{ actual }}) as actual on expected.{{ key_name }} = actual.{{ key_name }}
cross join lateral (
    select
        null::text as column_name,
        case when expected.{{ key_name }} is null then 'no such row' else 'the row' end as was,
        case when actual.{{ key_name }} is null then 'the row is missing' else 'an additional row' end as now,
        false as is_moment
    where expected.{{ key_name }} is null or actual.{{ key_name }} is null
    {%- for column in others %}
    union all
    select
        {{ quote_text(column.name) }} as column_name,
        expected.{{ column.quoted }}::text as was,
        actual.{{ column.quoted }}::text as now,
        pg_typeof(expected.{{ column.quoted }}) in ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) as is_moment
    where
        expected.{{ key_name }} is not null
        and actual.{{ key_name }} is not null
        and {{ differs[loop.index0] }}
    {%- endfor %}
) as difference
where
    expected.{{ key_name }} is null
    or actual.{{ key_name }} is null
    {%- for condition in differs %}
    or {{ condition }}
    {%- endfor %}
{% endmacro %}
