{% macro other_table_differences() %}
    {#- Every table that is not a core table has the fingerprint that the migration's backup recorded, or the baseline where
        the migration used no backup. A table that could not be read, then or now, is a failure, not a pass. -#}
    {%- set baseline = ref('other_tables_baseline') -%}
    {%- if not execute -%}
        {%- do ref('other_tables') -%}
        {%- do return(no_failing_rows()) -%}
    {%- endif -%}
    {#- Not by the model: dbt lists the tables for that once, before the migration where both run in one command. -#}
    {%- set current = '(' ~ other_table_fingerprints() ~ ')' -%}
    {%- set backup = migration_backup() -%}
    {%- if backup -%}
        {%- set recorded_in = 'backup ' ~ backup -%}
        {%- set recorded -%}
select
    format('%I.%I', b.schema_name, b.relation_name) as relation,
    b.column_names::text as column_names,
    b.row_count,
    b.fingerprint_a,
    b.fingerprint_b
from {{ audit_relation('backup_tables') }} as b
left join ({{ core_table_values(core_tables()) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
    on b.schema_name = t.schema_name and b.relation_name = t.relation_name
where
    b.backup_id = {{ quote_text(backup) }}
    and t.table_name is null
    and b.schema_name not in ({{ unwatched_schemas() }})
        {%- endset -%}
    {%- elif not snapshot_exists(baseline) -%}
        {%- do return(failing_row('other_tables_baseline', none, none, 'a baseline', 'there is none: run dbt snapshot')) -%}
    {%- else -%}
        {%- set recorded_in = 'the baseline' -%}
        {%- set recorded = baseline_as_of_cut_over(baseline) -%}
    {%- endif -%}
    {%- set failing -%}
select
    coalesce(b.relation, c.relation) as table_name,
    null::text as key,
    null::text as column_name,
    case
        when b.relation is null then 'no such table'
        when c.relation is null then 'the table'
        when b.column_names <> c.column_names then 'columns ' || b.column_names
        else coalesce(format('%s rows, fingerprint %s', b.row_count, b.fingerprint_a), 'a fingerprint')
    end || {{ quote_text(' (' ~ recorded_in ~ ')') }} as expected,
    case
        when b.relation is null then 'an additional table'
        when c.relation is null then 'the table is missing'
        when c.fingerprint_a is null then 'role ' || current_user || ' may not read it, or not every row: grant select, or bypassrls'
        when b.fingerprint_a is null then 'it could not be read then: let the role that takes the baseline read it'
        when b.column_names <> c.column_names then 'columns ' || c.column_names
        else format('%s rows, fingerprint %s', c.row_count, c.fingerprint_a)
    end as actual,
    b.row_count as was_rows,
    c.row_count as now_rows,
    case when b.fingerprint_a is not null and c.fingerprint_a is not null or b.relation is null or c.relation is null then {{ table_change('b', 'c') }} end as change
from ({{ recorded }}) as b
full join {{ current }} as c on b.relation = c.relation
where
    b.column_names is distinct from c.column_names
    or {{ fingerprint_change('b', 'c') | indent(4) }}
    or c.fingerprint_a is null
    {%- endset -%}
    {%- do return(told_rows(failing, counted_tables('cannot be told: of this table a fingerprint was kept, and no row', false))) -%}
{% endmacro %}
