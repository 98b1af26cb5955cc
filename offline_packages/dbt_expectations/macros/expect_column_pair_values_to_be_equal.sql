{# dbt hands the columns over by these very names, capitals included: they are the published package's. #}
{% test expect_column_pair_values_to_be_equal(model, column_A, column_B, row_condition=none) %}
    select
        {{ column_A }} as column_a,
        {{ column_B }} as column_b
    from {{ model }}
    {# A pair with a missing value is neither equal nor unequal, and passes. #}
    where not ({{ column_A }} = {{ column_B }}) {% if row_condition %}and ({{ row_condition }}){% endif %}

{% endtest %}
