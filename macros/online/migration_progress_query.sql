{% macro migration_progress_query(audit_schema) %}
    {#- Where the newest online migration stands, one row per table, and the same in words. Self-contained: the driver shows them too.
        The rate is that of the last ten seconds; rows deleted before they were filled make the estimate a little long. -#}
    {%- set schema = quote_name(audit_schema) -%}
    {%- set rows -%}
format('%s of %s rows', to_char(m.rows_filled, 'FM999,999,999,999,990'), to_char(m.rows_at_cut_over, 'FM999,999,999,999,990'))
    {%- endset -%}
select
    m.table_name,
    m.state,
    m.rows_at_cut_over,
    m.rows_filled,
    recent.rows_per_second,
    estimate.seconds_left,
    build.phase as index_phase,
    build.percent as index_percent,
    build.waits_for as index_waits_for,
    build.waits_for_pid as index_waits_for_pid,
    batch.row_count as last_batch_rows,
    extract(epoch from clock_timestamp() - batch.filled_at)::float8 as last_batch_seconds,
    case
        when build.phase is not null then concat_ws(
            ', ',
            'index: ' || build.phase,
            case when build.percent is not null then format('%s %%', build.percent) end,
            case when build.waits_for > 0 then format('waits for %s open transactions, now for session %s', build.waits_for, build.waits_for_pid) end
        )
        when m.state = 'marked' and m.rows_at_cut_over is null then 'rows not yet counted'
        when m.state = 'marked' then concat_ws(
            ', ',
            {{ rows }},
            to_char(recent.rows_per_second, 'FM999,999,999,990') || ' rows/s',
            case
                when estimate.seconds_left < 60 then format('%s s left', estimate.seconds_left)
                when estimate.seconds_left >= 60 then format(
                    '%s left (until %s UTC)',
                    to_char(make_interval(secs => estimate.seconds_left), case when estimate.seconds_left < 3600 then 'FMMI "min" SS "s"' else 'FMHH24 "h" MI "min"' end),
                    to_char((clock_timestamp() + make_interval(secs => estimate.seconds_left)) at time zone 'UTC', 'HH24:MI')
                )
            end
        )
        when m.state = 'backfilled' then {{ rows }} || ', its index is not yet checked'
        when m.state = 'indexed' then 'its constraint is next'
        else m.state
    end as words
from {{ schema }}.migrations as m
cross join lateral (
    select
        (sum(b.row_count) / greatest(0.05, extract(epoch from least(interval '10 s', clock_timestamp() - min(b.filled_at)))))::bigint as rows_per_second
    from {{ schema }}.batches as b
    where
        b.migration_id = m.migration_id
        and b.table_name = m.table_name
        and b.filled_at > clock_timestamp() - interval '10 s'
) as recent
cross join lateral (
    select
        case
            when m.state = 'marked' then ceil(greatest(0, m.rows_at_cut_over - m.rows_filled) / nullif(recent.rows_per_second, 0)::numeric)::bigint
        end as seconds_left
) as estimate
left join lateral (
    select
        b.row_count,
        b.filled_at
    from {{ schema }}.batches as b
    where b.migration_id = m.migration_id and b.table_name = m.table_name
    order by b.batch_id desc
    limit 1
) as batch on true
left join lateral (
    select
        p.phase,
        -- while it waits, the numbers are those of the phase before
        case
            when p.phase not like 'waiting%'
            then 100 * coalesce(nullif(p.tuples_done, 0), p.blocks_done) / nullif(coalesce(nullif(p.tuples_total, 0), p.blocks_total), 0)
        end as percent,
        p.lockers_total - p.lockers_done as waits_for,
        nullif(p.current_locker_pid, 0) as waits_for_pid
    from pg_catalog.pg_stat_progress_create_index as p
    where p.datname = current_database() and p.relid = to_regclass(format('%I.%I', m.schema_name, m.relation_name))
) as build on true
where
    m.mode = 'online'
    and m.migration_id = (select max(n.migration_id) from {{ schema }}.migrations as n where n.mode = 'online')
order by m.table_name
{%- endmacro %}
