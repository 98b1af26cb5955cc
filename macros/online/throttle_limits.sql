{% macro throttle_limits() %}
    {#- The vars of the throttle as JSON, which throttle_signals wants. -#}
    {%- set limits = {} -%}
    {%- for name in [
        'max_replica_lag', 'max_slot_wal', 'max_archive_backlog', 'max_waiting_sessions', 'max_commit_latency', 'min_disk_free',
        'server_disk_free', 'go_without_signals'
    ] -%}
        {%- do limits.update({name: var(name)}) -%}
    {%- endfor -%}
    {%- do return(tojson(limits)) -%}
{% endmacro %}
