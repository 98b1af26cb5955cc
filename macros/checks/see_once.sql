{% macro see_once() %}
    {#- Before all tests are run, each core table is read once: which hold the rows of the baseline, by number and fingerprint, how many
        these are, and whether each has its id as cms_id. What was seen counts for a test as long as `data_as_of` says that nothing was
        written since, and then only by `not_seen`, in the test's own statement. core_rows_unchanged goes by nothing but the rows themselves;
        where it is not run, or runs alone, nothing is seen before. -#}
    {%- do graph.update({'cms_id_seen': {}}) -%}
    {%- set among = ['test.cms_id_tracking.core_rows_unchanged', 'test.cms_id_tracking.ids_unchanged'] -%}
    {%- if flags.WHICH == 'test' and among | select('in', selected_resources) | list == among -%}
        {#- dbt runs a hook outside of any transaction, where the pins of names would end with the statement that sets them -#}
        {%- do adapter.add_query('begin', auto_begin=false) -%}
        {%- do see_core_tables() -%}
        {%- do adapter.add_query('commit', auto_begin=false) -%}
    {%- endif -%}
{% endmacro %}
