{% macro take_runner_lock() %}
    {#- Held to the end of the transaction. The key is this project's own, so it meets no other application's locks. -#}
do $cms_id$
declare
    other text;
begin
    if not pg_try_advisory_xact_lock(hashtextextended('cms_id_tracking: runner', 0)) then
        select string_agg(format(
            'session %s of %s (%s)', a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no application name')
        ), ', ')
        into other
        from pg_catalog.pg_locks as l
        inner join pg_catalog.pg_stat_activity as a on l.pid = a.pid
        where
            l.locktype = 'advisory'
            and l.granted
            and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
            and ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended('cms_id_tracking: runner', 0);
        raise exception 'another run is migrating or taking the baseline: %', coalesce(other, 'it has just ended')
            using errcode = 'lock_not_available',
            hint = 'Nothing was changed. Wait until it has ended, then run the same command again.';
    end if;
end
$cms_id$
{% endmacro %}
