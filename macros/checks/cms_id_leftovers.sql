{% macro cms_id_leftovers(tables) %}
    {#- What goes with the column besides the objects that a migration made: comments and grants put on them since. Of a
        grant, only the beginning is known: it ends with whom it is to. -#}
select
    object,
    is_beginning
from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
cross join lateral (
    values
    (format('comment on table column %I.%I.cms_id', schema_name, relation_name), false),
    (format('comment on table constraint %I on %I.%I', constraint_name, schema_name, relation_name), false),
    (format('comment on index %I.%I', schema_name, constraint_name), false),
    (format('grant on column %I.%I.cms_id to ', schema_name, relation_name), true)
) as leftover (object, is_beginning)
{% endmacro %}
