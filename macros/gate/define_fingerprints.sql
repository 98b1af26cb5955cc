{% macro define_fingerprints(tables) %}
    {#- A temporary function that fingerprints core tables, so that the long query stands once in a plan. Values are written
        as in every other session that takes fingerprints; the session's own settings are put back, because what follows in
        the transaction, the application's own event triggers among it, runs under them. The server may use its parallel
        workers for what a function returns as a query, not for what it reads into a variable. -#}
    {%- set columns = columns_by_table(tables) -%}
create or replace function pg_temp.cms_id_fingerprints()
returns table (table_name text, row_count bigint, fingerprint_a numeric, fingerprint_b numeric)
language plpgsql
as $cms_id$
#variable_conflict use_column
declare
    settings constant jsonb := (
        select jsonb_object_agg(s.name, current_setting(s.name))
        from ({{ value_settings() }}) as s (name, value)
    );
begin
    perform set_config(s.name, s.value, true) from ({{ value_settings() }}) as s (name, value);
    return query
    {%- for table in tables %}
    select
        {{ quote_text(table.name) }}::text,
        f.*
    from ({{ fingerprint_query(table.relation, columns[table.name]) | indent(4) }}) as f
        {{- '\n    union all' if not loop.last }}
    {%- endfor %};
    perform set_config(s.key, s.value, true) from jsonb_each_text(settings) as s;
end
$cms_id$
{% endmacro %}
