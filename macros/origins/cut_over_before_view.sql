{% macro cut_over_before_view() %}
    {#- The pre-hook of every origin view. The first one to run migrates all core tables, in the view's own transaction.
        The refs make dbt take the whole baseline before, and the summary first of all views: where a migration is refused,
        that is said once, and the others are skipped. So beside the summary the others need not look again. -#}
    {#- dbt renders hooks when it parses, which it does anew when a var has changed: so this ends every command. -#}
    {%- do refuse_wrong_vars() -%}
    {%- if this.identifier != 'origin_summary' -%}{%- do ref('origin_summary') -%}{%- endif -%}
    {%- do ref('row_counts_baseline') -%}
    {%- do ref('catalogue_baseline') -%}
    {%- do ref('other_tables_baseline') -%}
    {%- if var('procedure_registry') -%}
        {%- do ref('aggregates_baseline') -%}
    {%- endif -%}
    {%- set summary = 'model.cms_id_tracking.origin_summary' -%}
    {%- if execute and flags.WHICH in ['run', 'build'] and (model.unique_id == summary or summary not in selected_resources) -%}
        {%- do wait_for_other_runners() -%}
        {%- set tables = unmigrated_tables('window') -%}
        {%- if tables -%}
            {%- do refuse_pooler('add_cms_id') -%}
            {%- do refuse_open_migration(tables) -%}
            {%- if var('mode') == 'online' -%}
                {%- do exceptions.raise_compiler_error(
                    'add_cms_id: online mode commits batch by batch, which the transaction of a model cannot. Nothing was changed:'
                    ~ ' run dbt run-operation add_cms_id first, then dbt build again.'
                ) -%}
            {%- endif -%}
            {%- do refuse_findings(tables, 'window') -%}
            {%- do refuse_without_proof(tables) -%}
            {%- do run_plan(window_plan(tables)) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
