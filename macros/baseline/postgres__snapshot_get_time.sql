{% macro postgres__snapshot_get_time() %}
    {#- With its zone, unlike dbt's own: the moment of a baseline is compared with the moment of the cut-over, whatever
        time zone either session has. -#}
now()
{%- endmacro %}
