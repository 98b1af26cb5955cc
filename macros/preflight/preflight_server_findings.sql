{% macro preflight_server_findings(tables, audit_schema, autocommit=false, lock_timeout='0', connections=1, allow_unseen_sessions=false) %}
    {#- What server, database, role and other sessions say against a migration, as preflight_findings says it of the tables.
        `lock_timeout` is window mode's, `connections` how many a run opens at once. Self-contained. -#}
with others as (
    select
        a.pid,
        a.xact_start,
        format('session %s of %s (%s, %s)', a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no application name'), a.state) as session
    from pg_catalog.pg_stat_activity as a
    where a.datname = current_database() and a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
),

settings as (
    select
        current_setting('server_version_num')::integer as version,
        (select s.setting::integer from pg_catalog.pg_settings as s where s.name = 'deadlock_timeout') as deadlock_milliseconds,
        extract(epoch from {{ quote_text(lock_timeout) }}::interval) * 1000 as lock_milliseconds
),

room as (
    select least(
        current_setting('max_connections')::integer
        - current_setting('superuser_reserved_connections')::integer
        - coalesce(current_setting('reserved_connections', true)::integer, 0)
        - (select count(*) from pg_catalog.pg_stat_activity where backend_type = 'client backend'),
        (
            select nullif(d.datconnlimit, -1) - (select count(*) from others) - 1
            from pg_catalog.pg_database as d
            where d.datname = current_database()
        ),
        (
            select nullif(r.rolconnlimit, -1) - (select count(*) from pg_catalog.pg_stat_activity where usename = session_user)
            from pg_catalog.pg_roles as r
            where r.rolname = session_user
        )
    ) as connections
),

findings (finding, table_name, blocks, detail, remedy) as (
    select
        f.finding,
        null,
        f.blocks,
        f.detail,
        f.remedy
    from settings as s
    cross join room as r
    cross join lateral (values
        (
            'server_version', 'both', s.version < 140000,
            format('the server is PostgreSQL %s', current_setting('server_version')),
            'PostgreSQL 14 or newer is needed'
        ),
        (
            'server_version_new', 'none', s.version >= 190000,
            format('the server is PostgreSQL %s', current_setting('server_version')),
            'this is tested on PostgreSQL 14 to 18, and of 19 only the documentation is known here: try it on a copy first'
        ),
        (
            'standby', 'both', pg_is_in_recovery(),
            'the server is a standby, which accepts no writes',
            'connect to the primary server'
        ),
        (
            'autocommit', 'both', {{ 'true' if autocommit else 'false' }},
            'the dbt profile has autocommit: true, so that nothing could be rolled back',
            'set it to false'
        ),
        (
            'database_name', 'both', current_database() ~ '[''"]',
            format('dbt cannot work in a database whose name holds a quotation mark, as %s does', current_database()),
            'rename the database'
        ),
        (
            'audit_schema_is_registry', 'both',
            {{ quote_text(audit_schema) }} in (''
                {%- for name in tables | map(attribute='schema') | unique %}, {{ quote_text(name) }}{% endfor %}),
            {{ quote_text(audit_schema) }} || ' is the schema of the application''s tables and, in the dbt profile, that of our own',
            'give the profile a schema of its own, such as cms_id_audit'
        ),
        (
            'no_temporary_tables', 'both', not has_database_privilege(current_database(), 'temporary'),
            format('%s may not create temporary tables in database %s', current_user, current_database()),
            format('grant temporary on database %I to %I', current_database(), current_user)
        ),
        (
            'lock_timeout', 'none', s.lock_milliseconds = 0 or s.lock_milliseconds >= s.deadlock_milliseconds,
            format(
                'var lock_timeout (%s) is not below the server''s deadlock_timeout (%s ms)',
                {{ quote_text(lock_timeout) }}, s.deadlock_milliseconds
            ),
            'lower the var, so that in a deadlock it is the migration that gives way and not the application'
        ),
        (
            'connections', 'none', r.connections < {{ connections }},
            format('%s more connections are free, and a run opens up to {{ connections }}', greatest(r.connections, 0)),
            'close some, or lower `threads` in the dbt profile'
        )
    ) as f (finding, blocks, is_so, detail, remedy)
    where f.is_so

    union all

    select
        'citus',
        null,
        'both',
        format('the database has the extension citus (%s)', extversion),
        'a unique constraint of a distributed table must contain its distribution column, which cms_id is not: see docs/scale.md'
    from pg_catalog.pg_extension
    where extname = 'citus'

    union all

    select
        'audit_schema',
        null,
        'both',
        case
            when n.oid is null then format('there is no schema %s, and %s may not create it', s.name, current_user)
            else format('%s may not create tables in schema %s', current_user, s.name)
        end,
        case
            when n.oid is null then format('grant create on database %I to %I, or create schema %I authorization %I', current_database(), current_user, s.name, current_user)
            else format('alter schema %I owner to %I', s.name, current_user)
        end
    from (values ({{ quote_text(audit_schema) }})) as s (name)
    left join pg_catalog.pg_namespace as n on s.name = n.nspname
    where
        case
            when n.oid is null then not has_database_privilege(current_database(), 'create')
            else not (has_schema_privilege(n.oid, 'usage') and has_schema_privilege(n.oid, 'create'))
        end

    union all

    select
        'old_snapshot',
        null,
        'window',
        format('%s reads by a snapshot of %s, to which the rewritten tables would be empty', s.session, to_char(s.since, 'YYYY-MM-DD HH24:MI:SS TZ')),
        'end that transaction, or wait for its end'
    from ({{ old_snapshots_in_the_way() }}) as s

    union all

    select
        'unseen_sessions',
        null,
        {{ "'none'" if allow_unseen_sessions else "'window'" }},
        format('%s does not see whether sessions of %s (%s) read by an older snapshot, to which the rewritten tables would be empty', current_user, u.usename, u.sessions),
        format('close them, or have a superuser run `grant pg_read_all_stats to %I`, or set var allow_unseen_sessions where they surely do not', current_user)
    from ({{ unseen_sessions() }}) as u

    union all

    select
        'prepared_transaction',
        null,
        'none',
        format('the prepared transaction %s is open since %s', p.gid, to_char(p.prepared, 'YYYY-MM-DD HH24:MI:SS TZ')),
        'commit or roll it back: it holds its locks, and a concurrent index build waits for it'
    from pg_catalog.pg_prepared_xacts as p
    where p.database = current_database()

    union all

    select
        'old_transaction',
        null,
        'none',
        format('%s is in a transaction since %s', o.session, to_char(o.xact_start, 'YYYY-MM-DD HH24:MI:SS TZ')),
        'wait for its end: window mode may not get its locks, and online mode''s index builds wait for it'
    from others as o
    where o.xact_start < now() - interval '1 minute'

    union all

    select
        'event_trigger',
        null,
        'none',
        format('the event trigger %s fires when a table is altered (%s)', e.evtname, e.evtevent),
        'see that its function lets the migration pass; if it raises, all is rolled back'
    from pg_catalog.pg_event_trigger as e
    where
        e.evtenabled in ('O', 'A')
        and e.evtevent in ('ddl_command_start', 'ddl_command_end', 'table_rewrite')
        and (e.evttags is null or e.evttags && array['ALTER TABLE', 'CREATE INDEX', 'CREATE TABLE', 'CREATE SCHEMA', 'CREATE VIEW'])

    union all

    select
        'logical_slot',
        null,
        'none',
        format('the replication slot %s decodes this database (%s)', s.slot_name, s.plugin),
        'its reader sees no change of the rows in window mode, and one update of each in online mode: prepare it for the new column'
    from pg_catalog.pg_replication_slots as s
    where s.slot_type = 'logical' and s.database = current_database()
)

select
    finding,
    table_name,
    blocks,
    detail,
    remedy
from findings
order by array_position(array['both', 'online', 'window', 'none'], blocks), finding, detail
{%- endmacro %}
