{% macro baseline_as_of_cut_over(snapshot, table_name=none) %}
    {#- The rows of a snapshot that were valid at the cut-over: what a later snapshot adds or closes does not count.
        `table_name` as in cut_over_at. -#}
    {%- set cut_over = cut_over_at(table_name) -%}
select *
from {{ snapshot }} as baseline
where
    baseline.dbt_valid_from <= {{ cut_over }}
    and (baseline.dbt_valid_to is null or baseline.dbt_valid_to > {{ cut_over }})
{% endmacro %}
