{% macro gate_no_old_snapshot() %}
    {#- The locks keep out whoever has touched a core table; this, who has not yet, but will read it by an older snapshot. -#}
do $cms_id$
declare
    sessions text;
begin
    -- within a transaction the list of sessions is read once, and it may have been read while others were waited for
    perform pg_stat_clear_snapshot();
    select string_agg(s.session || ' since ' || to_char(s.since, 'YYYY-MM-DD HH24:MI:SS TZ'), '; ' order by s.since)
    into sessions
    from ({{ old_snapshots_in_the_way() }}) as s;
    if sessions is not null then
        raise exception 'the rewritten tables would be empty to the snapshot of %', sessions
            using hint = 'Nothing was changed. End that session or wait for it, then run the same command again.';
    end if;
end
$cms_id$
{% endmacro %}
