{% macro keep_runners_out() %}
    {#- Shared: baselines may be taken side by side, but none while a migration runs, and no migration meanwhile. -#}
select pg_advisory_xact_lock_shared(hashtextextended('cms_id_tracking: runner', 0))
{%- endmacro %}
