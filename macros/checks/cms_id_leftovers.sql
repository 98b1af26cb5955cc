{% macro cms_id_leftovers(tables) %}
    {#- What goes with the column besides the objects that a migration made: comments and grants put on them since. -#}
select pattern
from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
cross join lateral (
    values
    (format('comment on table column %I.%I.cms_id', schema_name, relation_name)),
    (format('comment on table constraint %I on %I.%I', constraint_name, schema_name, relation_name)),
    (format('comment on index %I.%I', schema_name, constraint_name)),
    (format('grant on column %I.%I.cms_id to ', schema_name, relation_name))
) as leftover (pattern)
{% endmacro %}
