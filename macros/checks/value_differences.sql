{% macro value_differences(table_name, expected, actual, key, columns) %}
    {#- Two relations compared by value: typed, NULL-safe, every column, one full join on the key. A row of the result for
        each column that differs, with both values; for a row that only one side has, one row. -#}
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
    difference.expected,
    difference.actual
from ({{ expected }}) as expected
full join ({{ actual }}) as actual on expected.{{ key_name }} = actual.{{ key_name }}
cross join lateral (
    select
        null::text as column_name,
        case when expected.{{ key_name }} is null then 'no such row' else 'the row' end as expected,
        case when actual.{{ key_name }} is null then 'the row is missing' else 'an additional row' end as actual
    where expected.{{ key_name }} is null or actual.{{ key_name }} is null
    {%- for column in others %}
    union all
    select
        {{ quote_text(column.name) }} as column_name,
        coalesce(expected.{{ column.quoted }}::text, 'NULL') as expected,
        coalesce(actual.{{ column.quoted }}::text, 'NULL') as actual
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
