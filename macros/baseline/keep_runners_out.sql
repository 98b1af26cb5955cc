{% macro keep_runners_out() %}
    {#- Shared: baselines may be taken side by side, but none while a migration runs, and no migration meanwhile. -#}
    {%- do return(wait_for_runner_lock(shared=true)) -%}
{%- endmacro %}
