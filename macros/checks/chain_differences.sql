{% macro chain_differences(chain, key) %}
    {#- Spec tests 5.1 to 5.4: a chain, whole and by value, against its baseline as of the cut-over. -#}
    {%- set baseline = ref(chain ~ '_baseline') -%}
    {%- set current = ref(chain) -%}
    {%- if not snapshot_exists(baseline) -%}
        {%- do return(failing_row(chain, none, none, 'a baseline', 'there is none: run dbt snapshot')) -%}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- if execute -%}
        {%- set unread = unread_sources(chain) -%}
        {%- if run_query(unread).rows -%}{%- do return(unread) -%}{%- endif -%}
        {%- do run_query(plan_comparison(indexed=false)) -%}
        {%- for column in adapter.get_columns_in_relation(baseline) if not column.name.startswith('dbt_') -%}
            {%- do columns.append({'name': column.name, 'quoted': quote_name(column.name), 'comparable': '{}.' ~ quote_name(column.name)}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set kept = baseline_as_of_cut_over(baseline) -%}
    {%- do return(told_differences([
        {'name': chain, 'key': key, 'columns': [], 'kept': kept, 'rows': value_differences(chain, kept, 'select * from ' ~ current, key, columns)}
    ])) -%}
{% endmacro %}
