{% macro log_cut_over(tables) %}
    {#- Records the cut-over of the tables. clock_timestamp(), not now(): the cut-over is after every lock is held, not
        when the transaction began. -#}
insert into {{ audit_relation('migrations') }} (
    migration_id, table_name, schema_name, relation_name, mode, state, constraint_name, rows_at_cut_over, cut_over_at, backup_id
)
select
    (select coalesce(max(m.migration_id), 0) + 1 from {{ audit_relation('migrations') }} as m) as migration_id,
    t.table_name,
    t.schema_name,
    t.relation_name,
    'window' as mode,
    'marked' as state,
    t.constraint_name,
    f.row_count,
    (select clock_timestamp()) as cut_over_at,
    {{ newest_backup() if var('require_backup') else 'null' }} as backup_id
from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
inner join cms_id_before as f on t.table_name = f.table_name
{% endmacro %}
