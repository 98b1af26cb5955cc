{% macro unseen_sessions() %}
    {#- Sessions of this database of which the role may not see whether they read by an older snapshot: (usename, sessions).
        Of those the server does not even tell the type. Self-contained. -#}
select
    usename,
    count(*) as sessions
from pg_catalog.pg_stat_activity
where
    datname = current_database()
    and pid <> pg_backend_pid()
    and backend_type is null
    and usesysid is not null -- a worker of autovacuum is nobody's
group by usename
{%- endmacro %}
