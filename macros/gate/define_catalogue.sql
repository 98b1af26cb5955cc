{% macro define_catalogue() %}
    {#- Makes the temporary function by which a plan reads the catalogue, whatever the session is set to. -#}
    {%- set query -%}
select
    object_kind || ' ' || object_name,
    object_kind,
    object_name,
    definition
from ({{ catalogue_objects(target.schema) }}) as objects
    {%- endset -%}
    {%- do return(temporary_reader(
        'cms_id_catalogue', 'object text, object_kind text, object_name text, definition text', value_settings(), query
    )) -%}
{% endmacro %}
