{% macro time_commit() %}
    {#- A statement that commits a row of ours as the application's sessions commit by default, since the batches do not wait for
        the disk, and notes how long it took. That it has begun is to be seen while it hangs. -#}
do $cms_id$
declare
    began timestamptz;
begin
    perform set_config('synchronous_commit', 'off', true);
    update {{ audit_relation('throttle') }}
    set commit_began_at = clock_timestamp(), commit_ended_at = null;
    commit;
    perform set_config('synchronous_commit', case when reset_val = 'off' then 'local' else reset_val end, true)
    from pg_catalog.pg_settings
    where name = 'synchronous_commit';
    update {{ audit_relation('throttle') }}
    set commit_began_at = clock_timestamp();
    began := clock_timestamp();
    commit;
    perform set_config('synchronous_commit', 'off', true);
    update {{ audit_relation('throttle') }}
    set commit_ended_at = clock_timestamp(), commit_time = clock_timestamp() - began;
end
$cms_id$
{%- endmacro %}
