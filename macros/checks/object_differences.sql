{% macro object_differences(expected, actual) %}
    {#- Two catalogues (relations with object, object_kind, object_name, definition) compared, one row per object that
        differs, with both definitions. -#}
select
    coalesce(expected.object_kind, actual.object_kind) as table_name,
    coalesce(expected.object_name, actual.object_name) as key,
    'definition'::text as column_name,
    coalesce(expected.definition, 'no such ' || actual.object_kind) as expected,
    coalesce(actual.definition, 'the ' || expected.object_kind || ' is missing') as actual
from ({{ expected }}) as expected
full join ({{ actual }}) as actual on expected.object = actual.object
where expected.definition is distinct from actual.definition
{% endmacro %}
