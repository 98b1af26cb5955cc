{% macro preflight_value_findings(tables) %}
    {#- Of tables whose cms_id is complete and in no log of ours: those where it is not the id of its row. Another tool may
        have done the same migration; a column that means something else must not be taken for that. Self-contained. -#}
    {%- for table in tables %}
{{ 'union all' if not loop.first }}
select
    'cms_id_values' as finding,
    {{ quote_text(table.name) }}::text as table_name,
    'both' as blocks,
    format({{ quote_text(table.name.replace('%', '%%') ~ ' has a cms_id with values of its own (the row %s has %s), and no migration left it there') }}, id, cms_id) as detail,
    'rename that column, or remove it' as remedy
from (
    select
        {{ quote_name(table.id_column) }} as id,
        cms_id
    from only {{ quote_name(table.schema) }}.{{ quote_name(table.identifier) }}
    where cms_id <> {{ quote_name(table.id_column) }}
    limit 1
) as first_row_{{ loop.index }}
    {%- endfor %}
{%- endmacro %}
