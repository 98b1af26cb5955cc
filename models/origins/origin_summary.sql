{%- for table in core_tables() %}
select
    {{ quote_text(table.name) }}::text as table_name,
    {{ origin() }} as origin,
    count(*) as row_count,
    min({{ table.id }}) as first_id,
    max({{ table.id }}) as last_id
from only {{ table.relation }}
group by 2
{{ 'union all' if not loop.last }}
{%- else %}
select
    null::text as table_name,
    null::text as origin,
    null::bigint as row_count,
    null::bigint as first_id,
    null::bigint as last_id
{%- endfor %}
