{% macro core_comparison(table, columns) %}
    {#- A core table against its kept rows, for told_differences. -#}
    {%- set kept = 'select * from ' ~ table.baseline -%}
    {%- do return({
        'name': table.name,
        'key': table.id_column,
        'columns': columns,
        'kept': kept,
        'live': 'select * from only ' ~ table.relation,
        'rows': value_differences(
            table.name, kept, 'select *, xmin as "xmin of" from only ' ~ table.relation, table.id_column, columns,
            row_origin(table, 'expected', 'actual'), 'actual."xmin of"'
        ),
    }) -%}
{% endmacro %}
