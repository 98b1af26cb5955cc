{% macro throttle_limits() %}
    {#- The vars of the throttle, as JSON, which throttle_signals wants. -#}
    {%- set limits = {} -%}
    {%- for name in ['max_replica_lag', 'max_waiting_sessions'] -%}
        {%- do limits.update({name: var(name)}) -%}
    {%- endfor -%}
    {%- do return(tojson(limits)) -%}
{% endmacro %}
