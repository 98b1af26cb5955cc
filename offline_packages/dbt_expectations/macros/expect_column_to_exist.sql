{% test expect_column_to_exist(model, column_name, column_index=none, transform="upper") %}
{% if execute %}
    {# `transform` names a filter that decides which differences in spelling count. The published package gives it whole
       names on one side and single letters on the other, which matters for filters such as capitalize. #}
    {% set wanted = column_name | map(transform) | join %}
    {% set present = adapter.get_columns_in_relation(model) | map(attribute="name") | map(transform) | list %}
    {% set position = present.index(wanted) + 1 if wanted in present else 0 %}
    {# Positions count from 1; 0 asks for none, and a negative one means the first. #}
    {% set expected_position = [column_index, 1] | max if column_index else position %}

    select
        {{ dbt.string_literal(dbt.escape_single_quotes(wanted)) }} as column_name,
        {{ expected_position }} as expected_position,
        {{ position }} as actual_position
    where {{ position }} = 0 or {{ position }} <> {{ expected_position }}
{% endif %}
{% endtest %}
