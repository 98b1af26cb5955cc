{% macro _cms_id_kept_of(table) %}
    {%- set rows -%}
select
    {{ quote_text(table.name) }}::text as table_name,
    live.{{ table.id }}::text as key,
    'cms_id'::text as column_name,
    case
        when kept.{{ table.id }} is not null then kept.{{ table.id }}::text
        else 'NULL, or a CMS id that no row of the baseline has'
    end as expected,
    coalesce(live.cms_id::text, 'NULL') as actual,
    kept.{{ table.id }}::text as was,
    live.cms_id::text as now,
    false as is_moment,
    {{ cms_id_origin(table) }} as origin,
    live.xmin::text as transaction
from only {{ table.relation }} as live
left join {{ table.baseline }} as kept on live.{{ table.id }} = kept.{{ table.id }}
where
    live.cms_id is distinct from kept.{{ table.id }}
    and (
        kept.{{ table.id }} is not null
        or exists (select 1 from {{ table.baseline }} as taken where taken.{{ table.id }} = live.cms_id)
    )
    {%- endset -%}
    {%- do return(cms_id_comparison(table, rows)) -%}
{% endmacro %}
