{% macro add_cms_id(dry_run=false, mode=none) %}
    {%- if not execute -%}{%- do return(none) -%}{%- endif -%}
    {%- do begin_operation('add_cms_id') -%}
    {%- set mode = mode or var('mode') -%}
    {%- if mode not in ['window', 'online'] -%}
        {%- do exceptions.raise_compiler_error('add_cms_id: there is no mode ' ~ mode ~ ': choose window or online') -%}
    {%- endif -%}
    {%- if mode == 'online' -%}
        {%- do add_cms_id_online(dry_run) -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- if not dry_run -%}
        {#- Let go at once: the plan takes it for good. A second runner is told here, before it waits for the first one's locks. -#}
        {%- do run_query(take_runner_lock()) -%}
    {%- endif -%}
    {%- set tables = unmigrated_tables(mode) -%}
    {%- if not tables -%}
        {%- do log('add_cms_id: all core tables have cms_id; nothing to do', info=true) -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- do refuse_open_migration(tables) -%}
    {%- do refuse_findings(tables, mode) -%}
    {%- if dry_run -%}
        {%- do print_plan(in_one_transaction(window_plan(tables)), 'window') -%}
    {%- else -%}
        {%- do refuse_without_proof(tables) -%}
        {%- do create_audit_tables() -%}
        {%- do run_plan(in_one_transaction(window_plan(tables))) -%}
    {%- endif -%}
{% endmacro %}
