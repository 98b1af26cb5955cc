{% macro wait_for_runner_lock() %}
    {#- dbt builds several origin views at once; whoever comes second waits until the first has committed. -#}
select pg_advisory_xact_lock(hashtextextended('cms_id_tracking: runner', 0))
{% endmacro %}
