{% macro audit_tables_ddl(audit_schema) %}
    {#- The statements that create the audit schema and its tables where they are missing. Self-contained, so that the
        driver runs the same text. Returns one string of statements, each harmless when repeated. -#}
    {%- set schema = quote_name(audit_schema) -%}
do $cms_id$
begin
    -- asked first: CREATE SCHEMA IF NOT EXISTS wants the right to create even where the schema is there
    if to_regnamespace({{ quote_text(schema) }}) is null then
        create schema {{ schema }};
    end if;
end
$cms_id$;

create table if not exists {{ schema }}.migrations (
    migration_id bigint not null,
    table_name text not null,
    schema_name text not null,
    relation_name text not null,
    mode text not null check (mode in ('window', 'online')),
    state text not null check (state in ('marked', 'backfilled', 'indexed', 'done', 'undone', 'abandoned')),
    constraint_name text not null,
    rows_at_cut_over bigint,
    rows_filled bigint not null default 0,
    mark bigint,
    cursor_id bigint,
    cut_over_at timestamptz,
    finished_at timestamptz,
    undone_at timestamptz,
    backup_id text,
    started_by text not null default session_user,
    primary key (migration_id, table_name)
);

create table if not exists {{ schema }}.events (
    event_id bigint generated always as identity primary key,
    happened_at timestamptz not null default clock_timestamp(),
    event text not null,
    table_name text,
    detail text,
    session_role text not null default session_user,
    backend_pid integer not null default pg_backend_pid()
);

create table if not exists {{ schema }}.batches (
    batch_id bigint generated always as identity,
    migration_id bigint not null,
    table_name text not null,
    after_id bigint not null,
    up_to_id bigint not null,
    row_count bigint not null,
    fingerprint_before numeric not null,
    fingerprint_after numeric not null,
    filled_at timestamptz not null default clock_timestamp(),
    primary key (migration_id, table_name, batch_id)
);

do $cms_id$
begin
    -- what version 1.0.0 did not write down: rows whose other columns the tables' triggers changed, and which columns
    if not exists (
        select from pg_catalog.pg_attribute
        where attrelid = to_regclass({{ quote_text(schema ~ '.batches') }}) and attname = 'rows_rewritten'
    ) then
        alter table {{ schema }}.batches
            add column rows_rewritten bigint not null default 0,
            add column columns_rewritten text [] not null default '{}';
    end if;
end
$cms_id$;

create table if not exists {{ schema }}.throttle (
    only_row boolean primary key default true check (only_row),
    began_at timestamptz not null,
    backend_pid integer not null,
    limits jsonb not null,
    replicas text [] not null,
    bytes_when_begun bigint not null,
    wal_when_begun pg_lsn not null,
    commit_began_at timestamptz,
    commit_ended_at timestamptz,
    commit_time interval
);

create table if not exists {{ schema }}.baseline_tables (
    table_name text primary key,
    schema_name text not null,
    relation_name text not null,
    column_names text [] not null,
    row_count bigint not null,
    fingerprint_a numeric not null,
    fingerprint_b numeric not null,
    kept_at timestamptz not null default now()
);

create table if not exists {{ schema }}.baseline_chains (
    chain_name text primary key,
    column_names text [] not null,
    row_count bigint not null,
    fingerprint_a numeric not null,
    fingerprint_b numeric not null,
    kept_at timestamptz not null default now()
);

create table if not exists {{ schema }}.backups (
    backup_id text primary key,
    taken_at timestamptz not null,
    purpose text not null default '',
    location text not null,
    manifest_sha256 text not null,
    bytes bigint not null,
    server_version text not null,
    verified_at timestamptz,
    pruned_at timestamptz
);

create table if not exists {{ schema }}.backup_tables (
    backup_id text not null references {{ schema }}.backups on delete cascade,
    schema_name text not null,
    relation_name text not null,
    column_names text [] not null,
    row_count bigint not null,
    fingerprint_a numeric not null,
    fingerprint_b numeric not null,
    primary key (backup_id, schema_name, relation_name)
);

create table if not exists {{ schema }}.controls (
    control_id bigint generated always as identity primary key,
    migration_id bigint not null,
    happened_at timestamptz not null default clock_timestamp(),
    action text not null check (action in ('pause', 'resume', 'pace')),
    rows_per_second bigint check (rows_per_second >= 0),
    why text not null default '',
    os_user text not null default '',
    session_role text not null default session_user,
    backend_pid integer not null default pg_backend_pid(),
    check ((action = 'pace') = (rows_per_second is not null))
);

-- the last: where it is, all others are
create table if not exists {{ schema }}.locks (
    began_at timestamptz not null, -- the plan, by which its rows are known
    command text not null check (command in ('migrate-window', 'migrate-online', 'undo')),
    table_name text not null,
    step text not null,
    relation_name text not null,
    mode text not null,
    taken_at timestamptz not null,
    released_at timestamptz,
    longest_held interval, -- of a lock that is taken again and again
    waiters integer,
    longest_wait interval,
    primary key (began_at, step, relation_name, mode)
);
{% endmacro %}
