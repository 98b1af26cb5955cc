{% macro cms_id_origin(table) %}
    {#- row_origin where the cms_id of a row `live` is wrong, whose kept row is `kept`: no application writes that column. -#}
    {%- if table.kept -%}
case
    when kept.{{ table.id }} is not null then 'damage: the application writes no cms_id'
    else {{ row_origin(table, 'kept', 'live') }}
end
    {%- else -%}
null::text
    {%- endif -%}
{%- endmacro %}
