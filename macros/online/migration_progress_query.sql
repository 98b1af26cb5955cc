{% macro migration_progress_query(audit_schema) %}
    {#- Where the newest online migration stands, one row per table. Self-contained: the driver shows the same.
        The rate is that of the last ten seconds; rows deleted before they were filled make the estimate a little long. -#}
    {%- set schema = '"' ~ audit_schema.replace('"', '""') ~ '"' -%}
select
    m.table_name,
    m.state,
    m.rows_at_cut_over,
    m.rows_filled,
    recent.rows_per_second::bigint as rows_per_second,
    case
        when m.state = 'marked' and recent.rows_per_second > 0
        then ceil(greatest(0, m.rows_at_cut_over - m.rows_filled) / recent.rows_per_second)::bigint
    end as seconds_left,
    m.cut_over_at,
    m.finished_at,
    build.phase as index_phase,
    coalesce(nullif(build.tuples_done, 0), build.blocks_done) as index_done,
    coalesce(nullif(build.tuples_total, 0), build.blocks_total) as index_total,
    build.lockers_total - build.lockers_done as index_waits_for,
    build.current_locker_pid as index_waits_for_pid
from {{ schema }}.migrations as m
cross join lateral (
    select
        sum(b.row_count)
        / greatest(0.05, extract(epoch from least(interval '10 s', clock_timestamp() - min(b.filled_at)))) as rows_per_second
    from {{ schema }}.batches as b
    where
        b.migration_id = m.migration_id
        and b.table_name = m.table_name
        and b.filled_at > clock_timestamp() - interval '10 s'
) as recent
left join pg_catalog.pg_stat_progress_create_index as build
    on build.datname = current_database()
    and build.relid = to_regclass(format('%I.%I', m.schema_name, m.relation_name))
where
    m.mode = 'online'
    and m.migration_id = (select max(n.migration_id) from {{ schema }}.migrations as n where n.mode = 'online')
order by m.table_name
{%- endmacro %}
