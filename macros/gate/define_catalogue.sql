{% macro define_catalogue() %}
    {#- A temporary function that reads the catalogue, so that the long query stands once in a plan. Reading pins settings;
        they are put back, because what follows in the transaction, the application's own event triggers among it, runs
        under the session's. -#}
create or replace function pg_temp.cms_id_catalogue()
returns table (object text, object_kind text, object_name text, definition text)
language plpgsql
as $cms_id$
#variable_conflict use_column
declare
    settings constant jsonb := (
        select jsonb_object_agg(s.name, current_setting(s.name))
        from ({{ pinned_settings() }}) as s (name, value)
    );
begin
    return query
    select
        object_kind || ' ' || object_name,
        object_kind,
        object_name,
        definition
    from ({{ catalogue_objects(target.schema) }}) as objects;
    perform set_config(s.key, s.value, true) from jsonb_each_text(settings) as s;
end
$cms_id$
{% endmacro %}
