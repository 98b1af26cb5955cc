{% macro chain_differences(chain) %}
    {#- Spec tests 5.1 to 5.4: a chain, whole, against the one that the kept rows give. -#}
    {%- if not execute -%}
        {%- do ref(chain) -%}
        {%- do return(no_failing_rows()) -%}
    {%- endif -%}
    {%- set unread = unread_sources(chain) -%}
    {%- if run_query(unread).rows -%}{%- do return(unread) -%}{%- endif -%}
    {%- set model = chain_models()[chain] -%}
    {%- set unless_seen = 'true' -%}
    {%- set recorded = 'select * from ' ~ audit_relation('baseline_chains') ~ ' where chain_name = ' ~ quote_text(chain) -%}
    {%- if audit_table_exists('baseline_chains') and run_query(recorded).rows -%}
        {%- set kept = chain_query(model, kept=true) -%}
        {%- set unless_seen = chain_not_seen(model) -%}
    {%- elif audit_table_exists(chain ~ '_baseline') -%}
        {#- A baseline of version 1.0: a snapshot of all links, without a fingerprint. -#}
        {%- set kept = baseline_as_of_cut_over(audit_relation(chain ~ '_baseline')) -%}
        {%- set recorded = fingerprint_query('(' ~ kept ~ ') as links', chain_columns(model)) -%}
    {%- else -%}
        {%- do return(failing_row(chain, none, none, 'a baseline', 'there is none: run dbt snapshot')) -%}
    {%- endif -%}
    {%- do run_query(plan_comparison(indexed=false)) -%}
    {%- set key = model.config.meta.chain_key -%}
    {%- set live = chain_query(model, kept=false) -%}
    {%- set rows = link_differences(chain, recorded, '(' ~ live ~ ') as links', kept, live, key, chain_columns(model), unless_seen) -%}
    {%- do return(told_differences([{'name': chain, 'key': key, 'columns': [], 'kept': kept, 'rows': rows}])) -%}
{% endmacro %}
