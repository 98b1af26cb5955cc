{% macro gate_no_old_snapshot() %}
    {#- The locks keep out whoever has touched a core table; this, who has not yet, but will read it by an older snapshot. Nor is
        whoever cannot be looked into taken for harmless. -#}
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
    {%- if not var('allow_unseen_sessions') %}
    select string_agg(format('%s (%s)', u.usename, u.sessions), ', ' order by u.usename)
    into sessions
    from ({{ unseen_sessions() }}) as u;
    if sessions is not null then
        raise exception '% does not see whether the rewritten tables would be empty to sessions of %', current_user, sessions
            using hint = format('Nothing was changed. Close them, or have a superuser run: grant pg_read_all_stats to %I. Then run the same command again.', current_user);
    end if;
    {%- endif %}
end
$cms_id$
{% endmacro %}
