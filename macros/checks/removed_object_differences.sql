{% macro removed_object_differences(tables, before, after) %}
    {#- Between two kept catalogues the tables lost exactly what a migration had added. -#}
    {%- set expected -%}
select b.*
from {{ before }} as b
where
    b.object not in (select o.object from ({{ cms_id_objects(tables) }}) as o)
    and not exists (
        select 1
        from ({{ cms_id_leftovers(tables) }}) as l
        where b.object = l.object or (l.is_beginning and starts_with(b.object, l.object))
    )
    {%- endset -%}
    {%- do return(object_differences(expected, 'select * from ' ~ after, longer='expected')) -%}
{% endmacro %}
