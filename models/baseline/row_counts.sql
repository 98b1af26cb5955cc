{%- for table in core_tables() %}
select
    {{ quote_text(table.name) }}::text as table_name,
    count(*) as row_count
from only {{ table.relation }}
{{ 'union all' if not loop.last }}
{%- else %}
select
    null::text as table_name,
    null::bigint as row_count
{%- endfor %}
