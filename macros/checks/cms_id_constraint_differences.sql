{% macro cms_id_constraint_differences(tables=none) %}
    {#- Spec test 1.2: the constraint is found by its column, and must have the configured name too. A plain unique index does not count. -#}
    {%- if not execute -%}{%- do return(no_failing_rows()) -%}{%- endif -%}
    {%- set tables = tables or core_tables() -%}
select
    found.table_name,
    null::text as key,
    'cms_id'::text as column_name,
    'UNIQUE (cms_id), valid, named ' || wanted.constraint_name as expected,
    case
        when not found.column_exists then 'column cms_id is missing'
        when found.constraint_name is null then 'no unique constraint on cms_id'
        when not found.constraint_valid then 'constraint ' || found.constraint_name || ' is not valid or is deferrable'
        else 'the constraint is named ' || found.constraint_name
    end as actual
from ({{ cms_id_catalogue_query(tables) }}) as found
inner join ({{ core_table_values(tables) }}) as wanted (table_name, schema_name, relation_name, id_column, constraint_name)
    on found.table_name = wanted.table_name
where found.constraint_name is distinct from wanted.constraint_name or not found.constraint_valid
{% endmacro %}
