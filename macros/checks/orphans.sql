{% macro orphans(child, column, parent) %}
    {#- Spec tests 4.1 to 4.13: every value of a foreign key points to a row. -#}
    {%- set child_relation = source('registry', child).include(database=false) -%}
    {%- set parent_relation = source('registry', parent).include(database=false) -%}
    {#- The rows are counted only where there are orphans: beside the join, the server would count them before it has workers join. -#}
    {%- set failing -%}
with orphan as materialized (
    select
        c.id::text as key,
        'no {{ parent }} with id ' || c.{{ quote_name(column) }}::text as actual
    from {{ child_relation }} as c
    left join {{ parent_relation }} as p on c.{{ quote_name(column) }} = p.id
    where p.id is null and c.{{ quote_name(column) }} is not null
)

select
    {{ quote_text(child) }}::text as table_name,
    orphan.key,
    {{ quote_text(column) }}::text as column_name,
    'a row of {{ parent }}'::text as expected,
    orphan.actual,
    (select count(*) from {{ child_relation }}) as of_rows
from orphan
    {%- endset -%}
    {%- do return(told_rows(failing, told_orphans(failing))) -%}
{% endmacro %}
