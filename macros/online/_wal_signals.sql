{% macro _wal_signals() %}
    {#- Of throttle_signals: WAL that waits for the reader of a slot, or for the archiver. -#}
select
    'slot_wal',
    s.slot_name,
    pg_size_pretty(s.bytes),
    throttle.limits ->> 'max_slot_wal',
    s.bytes > pg_size_bytes(throttle.limits ->> 'max_slot_wal') or s.wal_status = 'unreserved',
    format(
        'the replication slot %s holds back %s of WAL%s%s', s.slot_name, pg_size_pretty(s.bytes),
        case when not s.active then ', and nobody reads from it' end,
        case when s.wal_status = 'unreserved' then ', more than max_slot_wal_keep_size' end
    ),
    null,
    null
from slots as s
cross join throttle
where s.bytes is not null and s.wal_status <> 'lost'

union all

select
    'archiver_failing',
    '',
    case when a.last_failed_time > coalesce(a.last_archived_time, '-infinity') then format('failed at %s', a.last_failed_wal) else 'succeeds' end,
    'no failure',
    a.last_failed_time > coalesce(a.last_archived_time, '-infinity'),
    format('WAL cannot be archived: %s failed at %s', a.last_failed_wal, to_char(a.last_failed_time, 'HH24:MI:SS TZ')),
    null,
    null
from archiver as a

union all

select
    'archive_backlog',
    '',
    pg_size_pretty(greatest(a.bytes, 0)),
    throttle.limits ->> 'max_archive_backlog',
    a.bytes > pg_size_bytes(throttle.limits ->> 'max_archive_backlog'),
    format('%s of WAL wait to be archived', pg_size_pretty(a.bytes)),
    null,
    null
from archiver as a
cross join throttle
{%- endmacro %}
