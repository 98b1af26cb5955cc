{% macro _counted_rows(relation, groups, row_condition, factor=1) %}
    select
        {% for group in groups %}
        {{ group }} as group_{{ loop.index }},
        {% endfor %}
        count(*) * {{ factor }} as n_records
    from {{ relation }}
    {% if row_condition %}
    where {{ row_condition }}
    {% endif %}
    {% if groups %}
    group by {{ range(1, groups | length + 1) | join(", ") }}
    {% endif %}
{% endmacro %}
