{% macro cms_id_comparison(table, wanted, expected, condition='true') %}
    {#- The rows `live` of a core table whose cms_id is not `wanted` and which meet a condition, for told_differences; `expected`
        says what is wanted in words. `kept` is their row of the baseline, where there is one. -#}
    {%- set rows -%}
select
    {{ quote_text(table.name) }}::text as table_name,
    live.{{ table.id }}::text as key,
    'cms_id'::text as column_name,
    {{ expected }} as expected,
    coalesce(live.cms_id::text, 'NULL') as actual,
    {{ wanted }}::text as was,
    live.cms_id::text as now,
    false as is_moment,
    {{ cms_id_origin(table) }} as origin,
    live.xmin::text as transaction
from only {{ table.relation }} as live
    {%- if table.kept %}
left join {{ table.baseline }} as kept on live.{{ table.id }} = kept.{{ table.id }}
    {%- endif %}
where
    live.cms_id is distinct from {{ wanted }}
    and ({{ condition }})
    and {{ not_seen([table.name], filled=true) }}
    {%- endset -%}
    {%- do return({
        'name': table.name,
        'key': table.id_column,
        'columns': [],
        'kept': 'select ' ~ table.id ~ ', ' ~ table.id ~ ' as cms_id from only ' ~ table.relation,
        'live': 'select ' ~ table.id ~ ', cms_id from only ' ~ table.relation,
        'rows': rows,
    }) -%}
{% endmacro %}
