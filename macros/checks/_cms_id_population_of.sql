{% macro _cms_id_population_of(table) %}
    {%- set rows -%}
select
    {{ quote_text(table.name) }}::text as table_name,
    live.{{ table.id }}::text as key,
    'cms_id'::text as column_name,
    live.{{ table.id }}::text as expected,
    coalesce(live.cms_id::text, 'NULL') as actual,
    live.{{ table.id }}::text as was,
    live.cms_id::text as now,
    false as is_moment,
    {{ cms_id_origin(table) }} as origin,
    live.xmin::text as transaction
from only {{ table.relation }} as live
    {%- if table.kept %}
left join {{ table.baseline }} as kept on live.{{ table.id }} = kept.{{ table.id }}
    {%- endif %}
where live.cms_id is distinct from live.{{ table.id }}
    {%- endset -%}
    {%- do return(cms_id_comparison(table, rows)) -%}
{% endmacro %}
