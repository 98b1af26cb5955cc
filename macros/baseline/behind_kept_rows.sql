{% macro behind_kept_rows() %}
    {#- The pre-hook of every other baseline. The rows are kept first: the gate proves that nothing was written from that
        moment to the cut-over, so what is read in between belongs to the same state. -#}
    {%- do ref('row_counts_baseline') -%}
    {%- if execute and flags.WHICH != 'compile' -%}
        {%- do run_query(keep_runners_out()) -%}
    {%- endif -%}
{% endmacro %}
