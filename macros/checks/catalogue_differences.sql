{% macro catalogue_differences() %}
    {#- The catalogue is what it was, and beside that exactly the columns, constraints and indexes of cms_id. -#}
    {%- if not snapshot_exists(ref('catalogue_baseline')) -%}
        {%- do return(failing_row('catalogue_baseline', none, none, 'a baseline', 'there is none: run dbt snapshot')) -%}
    {%- endif -%}
    {%- set expected -%}
with added as (
    {{ cms_id_objects(core_tables()) if execute else 'select null::text as object, null::text as object_kind, null::text as object_name, null::text as definition' }}
)

select * from added

union all

select
    b.object,
    b.object_kind,
    b.object_name,
    b.definition
from ({{ baseline_as_of_cut_over(ref('catalogue_baseline')) }}) as b
where b.object not in (select a.object from added as a)
    {%- endset -%}
    {%- do return(told_rows(
        object_differences(expected, 'select * from ' ~ model_query('catalogue') ~ ' as catalogue'),
        object_families('select table_name as kind, key as name, was, now from failing', '(select count(*) from (' ~ expected ~ ') as o)')
    )) -%}
{% endmacro %}
