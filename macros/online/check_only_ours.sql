{% macro check_only_ours(table) %}
    {#- Raises where a cms_id is neither the mark nor the row's id: another session wrote it, and removing it would lose it. -#}
do $cms_id$
declare
    keys text;
begin
    select string_agg(key::text, ', ' order by key) into keys
    from (
        select {{ table.id }} as key
        from only {{ table.relation }}
        where cms_id not in ({{ table.id }}, {{ mark_of(var('cms_id_type')) }})
        limit 5
    ) as others;
    if keys is not null then
        raise exception '%: other sessions wrote cms_id in the rows %', {{ quote_text(table.name) }}, keys
            using hint = 'Nothing was changed. Removing the column would lose these values: give force: true if that is meant.';
    end if;
end
$cms_id$
{%- endmacro %}
