{% macro behind_kept_rows() %}
    {#- The pre-hook of every other baseline. The rows are kept first: the gate proves that nothing was written from that
        moment to the cut-over, so what is read in between belongs to the same state. -#}
    {%- do ref('row_counts_baseline') -%}
    {%- if execute and flags.WHICH != 'compile' -%}
        {#- Shared: baselines may be taken side by side, but none while a migration runs, and no migration meanwhile. -#}
        {%- do wait_for_other_runners(shared=true) -%}
        {%- do run_query(pinned_names()) -%}
    {%- endif -%}
{% endmacro %}
