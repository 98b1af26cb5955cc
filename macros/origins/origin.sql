{% macro origin() %}
case when cms_id is null then 'local' else 'cms' end
{%- endmacro %}
