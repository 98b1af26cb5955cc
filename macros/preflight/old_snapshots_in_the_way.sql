{% macro old_snapshots_in_the_way() %}
    {#- Sessions of this database that will go on reading by a snapshot that they took before: (session, since). A rewritten
        table is empty to such a one, without an error. A single long statement has locked what it reads; what counts is a
        transaction between two statements that keeps its snapshot (repeatable read, an open cursor), and a long one at
        its second statement or later. Of other roles' sessions a role without pg_read_all_stats sees no snapshot: see unseen_sessions. -#}
select
    format(
        'session %s of %s (%s, %s)', pid, usename, coalesce(nullif(application_name, ''), 'no application name'), state
    ) as session,
    xact_start as since
from pg_catalog.pg_stat_activity
where
    datname = current_database()
    and pid <> pg_backend_pid()
    and backend_type = 'client backend'
    and backend_xmin is not null
    and (
        (state like 'idle in transaction%' and xact_start < clock_timestamp() - interval '1 second')
        or (query_start > xact_start + interval '1 second' and xact_start < clock_timestamp() - interval '5 seconds')
    )
{%- endmacro %}
