{% macro undo_obstacles(tables) %}
    {#- Objects of others that stand on a cms_id: an undo would take them along, so it refuses. One row per object. -#}
select
    case count(*) when 1 then min(table_name) else count(*)::text || ' tables' end as table_name,
    object as key,
    'cms_id'::text as column_name,
    'nothing but ours that stands on it'::text as expected,
    object as actual
from ({{ cms_id_dependents(tables) }}) as dependents
where not is_ours
group by object
{% endmacro %}
