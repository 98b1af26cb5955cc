{% test expect_column_values_to_be_unique(model, column_name, row_condition=none) %}
    select
        {{ column_name }},
        count(*) as n_records
    from {{ model }}
    {# Rows without a value do not count as equal to each other. #}
    where {% if row_condition %}{{ row_condition }} and {% endif %}{{ column_name }} is not null
    group by {{ column_name }}
    having count(*) > 1
{% endtest %}
