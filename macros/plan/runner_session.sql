{% macro runner_session() %}
    {#- A query of the session that migrates or takes the baseline: it holds the runner lock. Self-contained. -#}
select a.*
from pg_catalog.pg_locks as l
inner join pg_catalog.pg_stat_activity as a on l.pid = a.pid
where
    l.locktype = 'advisory'
    and l.granted
    and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
    and ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended('cms_id_tracking: runner', 0)
{%- endmacro %}
