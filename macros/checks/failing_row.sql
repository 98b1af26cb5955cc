{% macro failing_row(table_name, key, column_name, expected, actual) %}
    {#- One row of a check whose verdict is known while its SQL is written. Literal texts; none is NULL. -#}
select
    {{ quote_text(table_name) }}::text as table_name,
    {{ quote_text(key) if key is not none else 'null' }}::text as key,
    {{ quote_text(column_name) if column_name is not none else 'null' }}::text as column_name,
    {{ quote_text(expected) }}::text as expected,
    {{ quote_text(actual) }}::text as actual
{%- endmacro %}
