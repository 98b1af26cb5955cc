{% macro log_finished() %}
    {#- Records the end of the migration. -#}
update {{ audit_relation('migrations') }} as m
set
    state = 'done',
    rows_filled = f.row_count,
    finished_at = clock_timestamp()
from cms_id_after as f
where
    m.table_name = f.table_name
    and m.migration_id = (select max(migration_id) from {{ audit_relation('migrations') }})
{% endmacro %}
