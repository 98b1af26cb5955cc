{% macro _id_differences_of(table) %}
    {%- set comparison = core_comparison(table, []) -%}
    {%- do comparison.update({'rows': 'select * from (' ~ comparison.rows ~ ') as ids where ' ~ not_seen([table.name])}) -%}
    {%- do return(comparison) -%}
{% endmacro %}
