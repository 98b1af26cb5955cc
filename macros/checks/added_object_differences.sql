{% macro added_object_differences(tables, before, after) %}
    {#- Between two kept catalogues the tables gained exactly what a migration adds. -#}
    {%- set expected = 'select * from ' ~ before ~ ' union (' ~ cms_id_objects(tables) ~ ')' -%}
    {%- do return(object_differences(expected, 'select * from ' ~ after)) -%}
{% endmacro %}
