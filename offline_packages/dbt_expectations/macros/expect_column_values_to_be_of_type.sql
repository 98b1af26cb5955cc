{% test expect_column_values_to_be_of_type(model, column_name, column_type) %}
{% if execute %}
    {% set columns = adapter.get_columns_in_relation(model) %}
    {% if not columns %}
        {{ exceptions.raise_compiler_error(
            "expect_column_values_to_be_of_type: " ~ model ~ " does not exist, or has no columns"
        ) }}
    {% endif %}
    {% set wrong = [] %}
    {# A column that is missing is the business of expect_column_to_exist: it has no type that could be wrong. #}
    {% for column in columns if column.name | upper == column_name | upper %}
        {% if column.dtype | upper != column_type | upper %}
            {% do wrong.append(column) %}
        {% endif %}
    {% endfor %}

    {% for column in wrong %}
    select
        {{ dbt.string_literal(dbt.escape_single_quotes(column.name)) }} as column_name,
        {{ dbt.string_literal(dbt.escape_single_quotes(column_type)) }} as expected_type,
        {{ dbt.string_literal(dbt.escape_single_quotes(column.dtype)) }} as actual_type
    {{ "union all" if not loop.last }}
    {% else %}
    select 1 as no_column where false
    {% endfor %}
{% endif %}
{% endtest %}
