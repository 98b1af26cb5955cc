{% macro difference_summaries(differing, whole) %}
    {#- One row for each table and column of `differing`, as difference_rows has it. A text is read as a number or a
        moment only where it is written as one, so that no cast can fail, and once (offset 0: the server would put it in
        wherever it is used). What cannot be shown is not claimed: writes of the application have left their traces in
        every row, and damage is what no application does. `whole` is the relation of the tables: number of rows, range
        of keys, both sides as queries. -#}
    {%- set number = "'^[-+]?[0-9]+([.][0-9]+)?$'" -%}
    {%- set moment = "'^[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9:]+([.][0-9]+)?([-+][0-9:]+)?)?$'" -%}
    {%- set in_utc = "case when d.{0} ~ ':.*[-+]' then d.{0}::timestamptz at time zone 'UTC' else d.{0}::timestamp end" -%}
    {%- set place = "case when length(d.key) < 19 and d.key ~ '^-?[0-9]+$' then d.key::bigint end as place" -%}
with as_read as (
    select
        d.*,
        case when d.column_name is null then d.now end as row_change,
        {{ place }},
        case when length(d.was) < 40 and d.was ~ {{ number }} then d.was::numeric end as was_number,
        case when length(d.now) < 40 and d.now ~ {{ number }} then d.now::numeric end as now_number,
        case when d.is_moment and d.was ~ {{ moment }} then {{ in_utc.format('was') }} end as was_moment,
        case when d.is_moment and d.now ~ {{ moment }} then {{ in_utc.format('now') }} end as now_moment
    from (
        select
            table_name,
            key collate "C" as key,
            column_name,
            was collate "C" as was,
            now collate "C" as now,
            is_moment,
            origin collate "C" as origin,
            transaction collate "C" as transaction
        from {{ differing }}
    ) as d
    offset 0
),

compared as (
    select
        *,
        now_number - was_number as step,
        now_moment - was_moment as shift
    from as_read
    offset 0
),

counted as (
    select
        table_name,
        column_name,
        row_change,
        count(*) as n,
        min(place) as first_place,
        max(place) as last_place,
        min(key) as first_key,
        count(place) = count(*) as are_placed,
        count(origin) = count(*) as are_explained,
        min(origin) as origin,
        count(*) > 1 and count(transaction) = count(*) and min(transaction) = max(transaction) as by_one_transaction,
        {{ shared_pattern() }} as pattern
    from compared
    group by table_name, column_name, row_change
),

placed as (
    select
        table_name,
        column_name,
        row_change,
        jsonb_object_agg(bucket, n) as places
    from (
        select
            r.table_name,
            r.column_name,
            r.row_change,
            width_bucket(r.place::double precision, w.lowest::double precision, w.highest::double precision + 1, 40) as bucket,
            count(*) as n
        from (select d.table_name, d.column_name, case when d.column_name is null then d.now end as row_change, {{ place }} from {{ differing }} as d) as r
        inner join {{ whole }} as w on r.table_name = w.table_name
        where r.place is not null and w.lowest ~ '^-?[0-9]+$' and w.highest ~ '^-?[0-9]+$'
        group by r.table_name, r.column_name, r.row_change, bucket
    ) as b
    group by table_name, column_name, row_change
),

judged as (
    select
        c.*,
        w.of_rows,
        w.is_derived,
        p.places,
        'rows' as noun,
        concat_ws('.', c.table_name, c.column_name) as subject,
        to_char(c.n, 'FM999,999,999,999,990')
            || case when c.n = 1 and w.of_rows <> 1 and c.pattern = 'additional' then ' row beside ' when c.pattern = 'additional' then ' rows beside ' else ' of ' end
            || to_char(w.of_rows, 'FM999,999,999,999,990')
            || case when c.pattern = 'additional' then ', ' when w.of_rows = 1 then ' row, ' else ' rows, ' end || c.pattern as told,
        case
            when c.n = 1 then 'key ' || c.first_key
            when not c.are_placed then to_char(c.n, 'FM999,999,999,999,990') || ' keys'
            else 'keys ' || c.first_place::text || ' to ' || c.last_place::text || case
                when c.last_place - c.first_place + 1 = c.n then ', without a gap'
                when c.last_place - c.first_place < 2 * c.n then ', close together'
                else ', scattered'
            end
        end as keys,
        {{ difference_verdict() }} as verdict,
        {{ difference_query() }} as query
    from counted as c
    inner join {{ whole }} as w on c.table_name = w.table_name
    left join placed as p
        on c.table_name = p.table_name and c.column_name is not distinct from p.column_name and c.row_change is not distinct from p.row_change
)

{{ difference_rows('judged') }}
{%- endmacro %}
