{% macro link_differences(chain, recorded, links, kept, live, key, columns, unless_seen='true') %}
    {#- The links of a chain that differ, as value_differences has them. They are counted and hashed first, in one join (`links`), and are
        equal if number and fingerprint are those that are `recorded`. Only else does the server join the `kept` rows too, and compares
        each column of each link with the `live` one by value. A fingerprint that differs where no link does is told as well.
        Where what the links follow from was seen to be as it was, they are not joined at all. -#}
with counted as materialized (
    select
        format('%s links, fingerprint %s %s', r.row_count, r.fingerprint_a, r.fingerprint_b) as was,
        format('%s links, fingerprint %s %s', l.row_count, l.fingerprint_a, l.fingerprint_b) as now
    from ({{ fingerprint_query(links, columns) }}) as l
    left join ({{ recorded }}) as r on true
    where {{ unless_seen }}
),

differing as materialized (
    select d.*
    from ({{ value_differences(chain, kept, live, key, columns) }}) as d
    where (select c.was <> c.now from counted as c)
)

select * from differing

union all

select
    {{ quote_text(chain) }}::text as table_name,
    'all links'::text as key,
    'fingerprint'::text as column_name,
    c.was as expected,
    c.now as actual,
    c.was,
    c.now,
    false as is_moment,
    null::text as origin,
    null::text as transaction
from counted as c
where
    c.was <> c.now
    and not exists (select 1 from differing)
{%- endmacro %}
