{% macro temporary_reader(reader, columns, settings, query) %}
    {#- A temporary function that gives the rows of a query, so that a long one stands once in a plan. It reads under
        settings of its own; the session's are put back, because what follows in the transaction, the application's own
        event triggers among it, runs under them. The server may use its parallel workers for what a function returns as
        a query, not for what it reads into a variable. `settings` is a query of (name, value). -#}
create or replace function pg_temp.{{ reader }}()
returns table ({{ columns }})
language plpgsql
as $cms_id$
#variable_conflict use_column
declare
    settings constant jsonb := (
        select jsonb_object_agg(s.name, current_setting(s.name))
        from ({{ settings }}) as s (name, value)
    );
begin
    perform set_config(s.name, s.value, true) from ({{ settings }}) as s (name, value);
    return query
    {{ query | trim | indent(4) }};
    perform set_config(s.key, s.value, true) from jsonb_each_text(settings) as s;
end
$cms_id$
{%- endmacro %}
