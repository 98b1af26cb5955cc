{% macro table_change(recorded, current) %}
    {#- Self-contained. An expression: what became of a table that was known by its fingerprint only, two rows of (relation,
        column_names, row_count) of which either may be absent. Its last words, after a comma if there is one, are its pattern. -#}
    {%- set number = "to_char({}.row_count, 'FM999,999,999,999,990')" -%}
case
    when {{ recorded }}.relation is null then 'additional'
    when {{ current }}.relation is null then 'missing'
    when {{ recorded }}.column_names <> {{ current }}.column_names then 'other columns'
    when {{ recorded }}.row_count = {{ current }}.row_count then {{ number.format(current) }} || ' rows as before, other content'
    else {{ number.format(current) }} || ' rows in place of ' || {{ number.format(recorded) }} || ', '
        || case when {{ current }}.row_count > {{ recorded }}.row_count then 'additional' else 'missing' end
end
{%- endmacro %}
