{% macro undo_losses(tables) %}
    {#- What an undo would forget: which rows were created locally, and the CMS ids that are not simply the id. One row per
        table that has any. -#}
{%- for table in tables -%}
(
select
    {{ quote_text(table.name) }}::text as table_name,
    null::text as key,
    'cms_id'::text as column_name,
    'cms_id = id in every row'::text as expected,
    concat_ws(
        ', ',
        'rows created locally (cms_id NULL): ' || nullif(count(*) filter (where cms_id is null), 0)::text,
        'rows with a CMS id of their own: ' || nullif(count(*) filter (where cms_id is not null), 0)::text,
        {{ quote_text(table.id_column) }} || format(' %s to %s', min({{ table.id }}), max({{ table.id }}))
    ) as actual
from only {{ table.relation }}
where cms_id is distinct from {{ table.id }}
having count(*) > 0)
    {{- '\nunion all\n' if not loop.last }}
{%- endfor -%}
{% endmacro %}
