{% macro index_build_waits_for() %}
    {#- Who keeps a concurrent index build waiting: every transaction of this database that is older than a few seconds. -#}
select string_agg(format(
    'session %s of %s (%s, %s since %s)', pid, usename, coalesce(nullif(application_name, ''), 'no application name'), state,
    to_char(xact_start, 'HH24:MI:SS')
), '; ' order by xact_start)
from pg_catalog.pg_stat_activity
where
    datname = current_database()
    and pid <> pg_backend_pid()
    and xact_start < now() - interval '5 seconds'
    and backend_type = 'client backend'
{%- endmacro %}
