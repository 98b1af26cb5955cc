{% macro check_index(table) %}
    {#- Raises unless the unique index stands, valid, on exactly cms_id; then the table is `indexed`. -#}
do $cms_id$
begin
    if not exists (
        select 1
        from (
            {{ cms_id_indexes_query(table) | indent(12) }}
        ) as found
        where found.is_ours
    ) then
        raise exception {{ quote_text(table.name.replace('%', '%%') ~ ': the unique index on cms_id is not valid') }}
            using hint = 'Everything done so far is kept; run the same command again.';
    end if;
    update {{ audit_relation('migrations') }} set state = 'indexed' where {{ open_migration_of(table) }};
end
$cms_id$
{%- endmacro %}
