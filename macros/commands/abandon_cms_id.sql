{% macro abandon_cms_id(dry_run=false, force=false) %}
    {#- Removes a half-done online migration, its finished tables included: one transaction, so that no core table is left
        with a cut-over of its own. -#}
    {%- if not execute -%}{%- do return(none) -%}{%- endif -%}
    {%- do begin_operation('abandon_cms_id') -%}
    {%- if not dry_run -%}
        {%- do run_online_plan(online_session_plan('undo')) -%}
    {%- endif -%}
    {%- do refuse_another_registry('abandon_cms_id') -%}
    {%- set tables = half_done_tables() -%}
    {%- if not tables -%}
        {%- do log('abandon_cms_id: no online migration is half-way; nothing to do', info=true) -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- set plan = abandon_plan(tables, force) -%}
    {%- if dry_run -%}
        {%- do print_plan(online_session_plan('undo') + plan, 'online') -%}
    {%- else -%}
        {%- do create_audit_tables() -%}
        {%- do run_online_plan(plan) -%}
        {%- do run_query('select pg_advisory_unlock_all()') -%}
        {%- do log('abandon_cms_id: cms_id is removed from ' ~ tables | map(attribute='name') | join(', '), info=true) -%}
    {%- endif -%}
{% endmacro %}
