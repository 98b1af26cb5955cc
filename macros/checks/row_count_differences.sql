{% macro row_count_differences() %}
    {#- Spec test 2.1: every core table has exactly the rows it had. -#}
    {%- if not snapshot_exists(ref('row_counts_baseline')) -%}
        {%- do return(failing_row('row_counts_baseline', none, none, 'a baseline', 'there is none: run dbt snapshot')) -%}
    {%- endif -%}
    {%- set seen = graph.get('cms_id_seen', {}) -%}
    {%- set unless_seen = not_seen(core_tables() | map(attribute='name') | list) -%}
    {%- set counted -%}
select * from {{ model_query('row_counts') }} as row_counts where {{ unless_seen }}
        {%- for name, found in (seen.items() if unless_seen != 'true' else []) %}
union all
select {{ quote_text(name) }}::text as table_name, {{ found.rows }}::bigint as row_count where not {{ unless_seen }}
        {%- endfor -%}
    {%- endset -%}
    {%- set failing -%}
select
    coalesce(b.table_name, c.table_name) as table_name,
    null::text as key,
    'count(*)'::text as column_name,
    coalesce(b.row_count::text, 'a baseline') as expected,
    coalesce(c.row_count::text, 'the table is gone') as actual,
    b.row_count as was_rows,
    c.row_count as now_rows,
    {{ table_change('b', 'c') }} as change
from (select *, table_name as relation, null::text as column_names from ({{ baseline_as_of_cut_over(ref('row_counts_baseline'), 'baseline.table_name') }}) as baseline) as b
full join (select *, table_name as relation, null::text as column_names from ({{ counted }}) as counted) as c on b.table_name = c.table_name
where b.row_count is distinct from c.row_count
    {%- endset -%}
    {%- do return(told_rows(failing, counted_tables('cannot be told: a count says how many, see core_rows_unchanged', true))) -%}
{% endmacro %}
