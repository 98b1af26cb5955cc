{% macro cms_id_objects(tables) %}
    {#- What a migration adds to the catalogue, object by object, in the words of catalogue_objects. -#}
select
    object_kind || ' ' || object_name as object,
    object_kind,
    object_name,
    definition
from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
cross join lateral (
    values
    ('column', format('%I.%I.cms_id', schema_name, relation_name), {{ quote_text(var('cms_id_type')) }}),
    ('constraint', format('%I.%I.%I', schema_name, relation_name, constraint_name), 'UNIQUE (cms_id)'),
    (
        'index',
        format('%I.%I', schema_name, constraint_name),
        format('CREATE UNIQUE INDEX %I ON %I.%I USING btree (cms_id)', constraint_name, schema_name, relation_name)
    )
) as added (object_kind, object_name, definition)
{% endmacro %}
