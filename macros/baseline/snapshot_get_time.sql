{% macro snapshot_get_time() %}
    {#- With its zone, unlike dbt's own: the moment of a baseline is compared with the moment of the cut-over, whatever
        time zone either session has. The statement's moment, not the transaction's: a snapshot that had to wait for a
        migration reads what came after it. -#}
statement_timestamp()
{%- endmacro %}
