{% macro removed_object_differences(tables, before, after) %}
    {#- Between two kept catalogues the tables lost exactly what a migration had added, and the comments and grants put on the
        column since. Of a grant, only the beginning is known: it ends with whom it is to. -#}
    {%- set expected -%}
select b.*
from {{ before }} as b
where
    b.object not in (select o.object from ({{ cms_id_objects(tables) }}) as o)
    and not exists (
        select 1
        from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
        where
            b.object in (
                format('comment on table column %I.%I.cms_id', t.schema_name, t.relation_name),
                format('comment on table constraint %I on %I.%I', t.constraint_name, t.schema_name, t.relation_name),
                format('comment on index %I.%I', t.schema_name, t.constraint_name)
            )
            or starts_with(b.object, format('grant on column %I.%I.cms_id to ', t.schema_name, t.relation_name))
    )
    {%- endset -%}
    {%- do return(object_differences(expected, 'select * from ' ~ after, longer='expected')) -%}
{% endmacro %}
