{% macro _cms_id_duplicates_of(table) %}
    {#- The keys are put together for those alone that stand twice: for all, they would be sorted. -#}
select
    {{ quote_text(table.name) }}::text as table_name,
    string_agg({{ table.id }}::text, ', ' order by {{ table.id }}) as key,
    'cms_id'::text as column_name,
    'cms_id ' || cms_id::text || ' once' as expected,
    count(*)::text || ' times' as actual
from only {{ table.relation }}
where cms_id in (select cms_id from only {{ table.relation }} where cms_id is not null group by cms_id having count(*) > 1)
group by cms_id
{%- endmacro %}
