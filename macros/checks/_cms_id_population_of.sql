{% macro _cms_id_population_of(table) %}
select
    {{ quote_text(table.name) }}::text as table_name,
    {{ table.id }}::text as key,
    'cms_id'::text as column_name,
    {{ table.id }}::text as expected,
    coalesce(cms_id::text, 'NULL') as actual
from only {{ table.relation }}
where cms_id is distinct from {{ table.id }}
{%- endmacro %}
