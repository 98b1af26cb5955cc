{% macro cms_id_column_differences(tables=none) %}
    {#- Spec test 1.1: every core table has a nullable cms_id of the configured type. -#}
    {%- if not execute -%}{%- do return(no_failing_rows()) -%}{%- endif -%}
    {%- set expected = var('cms_id_type') ~ ', nullable' -%}
select
    table_name,
    null::text as key,
    'cms_id'::text as column_name,
    {{ quote_text(expected) }}::text as expected,
    case
        when not table_exists then 'the table is missing'
        when not column_exists then 'column cms_id is missing'
        else column_type || case when not_null then ', NOT NULL' else ', nullable' end
    end as actual
from ({{ cms_id_catalogue_query(tables or core_tables()) }}) as cms_id
where not column_exists or column_type <> {{ quote_text(var('cms_id_type')) }} or not_null
{% endmacro %}
