{% macro preflight_id_findings(tables, cms_id_type='integer') %}
    {#- What the ids themselves say against a migration, as preflight_findings does; for tables against which that finds
        nothing. Reads the smallest and the largest id of each, from the index. Self-contained. -#}
with ids (table_name, smallest, largest) as (
    {%- for table in tables %}
    select
        {{ quote_text(table.name) }}::text,
        min({{ quote_name(table.id_column) }})::bigint,
        max({{ quote_name(table.id_column) }})::bigint
    from only {{ quote_name(table.schema) }}.{{ quote_name(table.identifier) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    'id_too_large' as finding,
    table_name,
    'both' as blocks,
    format('the ids of %s reach from %s to %s, beyond %s', table_name, smallest, largest, '{{ cms_id_type }}') as detail,
    'set var cms_id_type to bigint' as remedy
from ids
where '{{ cms_id_type }}' = 'integer' and (largest > 2147483647 or smallest < -2147483648)

union all

select
    'id_is_mark' as finding,
    table_name,
    'online' as blocks,
    format('%s has a row with the id %s, the lowest of its type, which online mode needs as its mark', table_name, smallest) as detail,
    'use window mode' as remedy
from ids
where smallest = {{ "(-2147483648)" if cms_id_type == 'integer' else "(-9223372036854775808)" }}
{%- endmacro %}
