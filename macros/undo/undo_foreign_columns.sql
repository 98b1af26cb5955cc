{% macro undo_foreign_columns(tables) %}
    {#- A cms_id of a type that no migration gives it, which is not ours to remove. One row per table. -#}
select
    table_name,
    null::text as key,
    'cms_id'::text as column_name,
    'integer or bigint'::text as expected,
    column_type as actual
from ({{ cms_id_catalogue_query(tables) }}) as columns
where column_type not in ('integer', 'bigint')
{%- endmacro %}
