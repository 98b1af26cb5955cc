{% macro baseline_as_of_cut_over(snapshot) %}
    {#- The rows of a snapshot that were valid at the cut-over: what a later snapshot adds or closes does not count. -#}
select *
from {{ snapshot }}
where
    dbt_valid_from <= {{ cut_over_at() }}
    and (dbt_valid_to is null or dbt_valid_to > {{ cut_over_at() }})
{% endmacro %}
