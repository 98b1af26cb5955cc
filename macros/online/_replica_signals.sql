{% macro _replica_signals() %}
    {#- Of throttle_signals: how far replicas are, and whether one has gone. -#}
select
    'replica_lag',
    r.application_name,
    pg_size_pretty(r.bytes),
    throttle.limits ->> 'max_replica_lag',
    r.bytes > pg_size_bytes(throttle.limits ->> 'max_replica_lag'),
    format(
        'the replica %s is %s behind%s', r.application_name, pg_size_pretty(r.bytes),
        case when r.is_hidden then format(' by its slot %s', r.slot_name) end
    ),
    case when r.is_hidden and r.bytes is null then format('how far the replica %s is cannot be seen by %s', r.application_name, current_user) end,
    server.grant_needed
from replicas as r
cross join throttle
cross join server

union all

select
    'replica_lag',
    noted.application_name,
    'gone',
    'connected',
    false,
    '',
    format('the replica %s has gone since the command began', noted.application_name),
    'bring it back, or end the command and run it again without it'
from throttle
cross join lateral unnest(throttle.replicas) as noted (application_name)
group by noted.application_name
having count(*) > (select count(*) from pg_catalog.pg_stat_replication as r where r.application_name = noted.application_name)
{%- endmacro %}
