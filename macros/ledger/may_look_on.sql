{% macro may_look_on() %}
    {#- A query of whether a second session of this role stands in nobody's way: the role sees into it, so that it is no unseen session,
        and it takes no connection that the role or the database has few of. Self-contained: the driver renders it. -#}
select
    (pg_has_role(session_user, 'usage') or pg_has_role('pg_read_all_stats', 'usage'))
    and r.rolconnlimit = -1
    and d.datconnlimit = -1
from pg_catalog.pg_roles as r
cross join pg_catalog.pg_database as d
where r.rolname = session_user and d.datname = current_database()
{%- endmacro %}
