{% macro may_look_on() %}
    {#- A query of whether a second session of this role stands in nobody's way: the role sees into it, so that it is no unseen session,
        and it takes no connection that the role, the database or the server has few of. Self-contained: the driver renders it. -#}
select
    (pg_has_role(session_user, 'usage') or pg_has_role('pg_read_all_stats', 'usage'))
    and r.rolconnlimit = -1
    and d.datconnlimit = -1
    and (select count(*) from pg_catalog.pg_stat_activity as a where a.datid is not null) + 3
    < current_setting('max_connections')::integer
    - current_setting('superuser_reserved_connections')::integer
    - coalesce(current_setting('reserved_connections', true)::integer, 0)
from pg_catalog.pg_roles as r
cross join pg_catalog.pg_database as d
where r.rolname = session_user and d.datname = current_database()
{%- endmacro %}
