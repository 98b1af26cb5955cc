{% macro other_writes_query(table, columns) %}
    {#- One row: how the live rows differ from the kept ones, as counts and the first keys. Whose writes these were is not
        seen here: it follows from the record of batches, none of which changed another column or deleted a row. -#}
    {%- set key = table.id -%}
    {%- set differs = [] -%}
    {%- for column in columns if column.name != table.id_column -%}
        {%- do differs.append(column.comparable.replace('{}', 'kept', 1) ~ ' is distinct from ' ~ column.comparable.replace('{}', 'live', 1)) -%}
    {%- endfor -%}
    {%- set kinds = {
        'added_before': 'kept.' ~ key ~ ' is null and live.cms_id is not null',
        'added_after': 'kept.' ~ key ~ ' is null and live.cms_id is null',
        'deleted': 'live.' ~ key ~ ' is null',
        'changed': 'kept.' ~ key ~ ' is not null and live.' ~ key ~ ' is not null and (' ~ (differs | join(' or ') or 'false') ~ ')',
        'replaced': 'kept.' ~ key ~ ' is not null and live.' ~ key ~ ' is not null and live.cms_id is null',
    } -%}
select
    {%- for kind, condition in kinds.items() %}
    count(*) filter (where {{ condition }}) as {{ kind }},
    (array_agg(coalesce(live.{{ key }}, kept.{{ key }}) order by live.{{ key }}, kept.{{ key }}) filter (where {{ condition }}))[1:5]::text as {{ kind }}_keys{{ ',' if not loop.last }}
    {%- endfor %}
from {{ table.baseline }} as kept
full join (select * from only {{ table.relation }}) as live on kept.{{ key }} = live.{{ key }}
{%- endmacro %}
