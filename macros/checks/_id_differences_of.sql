{% macro _id_differences_of(table) %}
    {%- do return(value_differences(
        table.name, 'select ' ~ table.id ~ ' from ' ~ table.baseline, 'select ' ~ table.id ~ ' from only ' ~ table.relation, table.id_column, []
    )) -%}
{% endmacro %}
