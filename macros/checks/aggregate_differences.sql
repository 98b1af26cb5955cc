{% macro aggregate_differences(aggregate_name) %}
    {#- Spec tests 8.1 and 8.2: an aggregate has the value it had. -#}
    {%- if not snapshot_exists(ref('aggregates_baseline')) -%}
        {%- do return(failing_row('aggregates_baseline', none, none, 'a baseline', 'there is none: run dbt snapshot')) -%}
    {%- endif -%}
    {%- set kept -%}
select *
from ({{ baseline_as_of_cut_over(ref('aggregates_baseline')) }}) as baseline
where aggregate_name = {{ quote_text(aggregate_name) }}
    {%- endset -%}
    {%- set rows -%}
select
    {{ quote_text(aggregate_name) }}::text as table_name,
    coalesce(b.aggregate_key, c.aggregate_key) as key,
    'aggregate_value'::text as column_name,
    coalesce(b.aggregate_value::text, 'NULL') as expected,
    coalesce(c.aggregate_value::text, 'NULL') as actual,
    b.aggregate_value::text as was,
    c.aggregate_value::text as now,
    false as is_moment,
    null::text as origin,
    null::text as transaction
from ({{ kept }}) as b
full join (
    select *
    from {{ model_query('aggregates') }} as aggregates
    where aggregate_name = {{ quote_text(aggregate_name) }}
) as c on b.aggregate_key = c.aggregate_key
where
    b.aggregate_value is distinct from c.aggregate_value
    or b.aggregate_key is null
    or c.aggregate_key is null
    {%- endset -%}
    {%- do return(told_differences([{'name': aggregate_name, 'key': 'aggregate_key', 'columns': [], 'kept': kept, 'rows': rows}])) -%}
{% endmacro %}
