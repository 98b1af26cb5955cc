{% test expect_table_row_count_to_equal_other_table(
    model,
    compare_model,
    group_by=none,
    compare_group_by=none,
    factor=1,
    row_condition=none,
    compare_row_condition=none
) %}
    {% set groups = group_by or [] %}
    with counted as (
        {{ dbt_expectations._counted_rows(model, groups, row_condition) }}
    ),

    compared as (
        {{ dbt_expectations._counted_rows(
            compare_model, compare_group_by or groups, compare_row_condition or row_condition, factor
        ) }}
    )

    select
        {% for group in groups %}
        coalesce(counted.group_{{ loop.index }}, compared.group_{{ loop.index }}) as group_{{ loop.index }},
        {% endfor %}
        counted.n_records as actual,
        compared.n_records as expected
    from counted
    {% if groups %}
    full join compared on
        {% for group in groups %}
        counted.group_{{ loop.index }} = compared.group_{{ loop.index }} {{ "and" if not loop.last }}
        {% endfor %}
    {% else %}
    cross join compared
    {% endif %}
    where coalesce(counted.n_records, 0) <> coalesce(compared.n_records, 0)
{% endtest %}
