{% macro drop_cms_id(dry_run=false, force=false) %}
    {%- if not execute -%}{%- do return(none) -%}{%- endif -%}
    {%- do begin_operation('drop_cms_id') -%}
    {%- do refuse_another_registry('drop_cms_id') -%}
    {%- if half_done_tables() -%}
        {%- do abandon_cms_id(dry_run, force) -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- set tables = tables_with_cms_id() -%}
    {%- set lost = core_tables_by_state().lost -%}
    {%- if not tables and not lost -%}
        {%- do log('drop_cms_id: no core table has cms_id; nothing to do', info=true) -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- if dry_run -%}
        {%- do print_plan(in_one_transaction(undo_plan(tables, lost, force)), 'undo') -%}
    {%- else -%}
        {%- do refuse_undo(tables, force) if tables -%}
        {%- do create_audit_tables() -%}
        {%- do run_plan(in_one_transaction(undo_plan(tables, lost, force))) -%}
    {%- endif -%}
{% endmacro %}
