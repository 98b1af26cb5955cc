{% macro no_failing_rows() %}
    {#- A query of no rows, of the shape that every check has. -#}
select
    null::text as table_name,
    null::text as key,
    null::text as column_name,
    null::text as expected,
    null::text as actual
where false
{%- endmacro %}
