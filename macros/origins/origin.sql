{% macro origin(cms_id='cms_id') %}
case when {{ cms_id }} is null then 'local' else 'cms' end
{%- endmacro %}
