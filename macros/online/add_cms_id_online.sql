{% macro add_cms_id_online(dry_run) %}
    {#- Begins an online migration, or goes on with one from where its tables stand. -#}
    {%- if not dry_run -%}
        {%- do run_online_plan(online_session_plan('migrate-online')) -%}
    {%- endif -%}
    {%- set tables = unmigrated_tables('online') -%}
    {%- if not tables -%}
        {%- do log('add_cms_id: all core tables have cms_id; nothing to do', info=true) -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- do refuse_findings(tables, 'online') -%}
    {%- set states = migration_states() -%}
    {%- set new_tables = [] -%}
    {%- for table in tables if states.get(table.name) not in open_states() -%}
        {%- do new_tables.append(table) -%}
    {%- endfor -%}
    {%- if dry_run -%}
        {%- do print_plan(online_session_plan('migrate-online') + online_plan(new_tables, tables, states), 'online') -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- if new_tables -%}
        {%- do refuse_without_proof(new_tables) -%}
    {%- else -%}
        {%- do log('online: going on with the migration that was begun', info=true) -%}
    {%- endif -%}
    {%- do create_audit_tables() -%}
    {%- do run_query(note_throttle(not new_tables)) -%}
    {%- do run_online_plan(online_plan(new_tables, tables, states)) -%}
    {%- do tell_other_writes(core_tables()) -%}
    {%- do run_query('select pg_advisory_unlock_all()') -%}
    {%- do log('online: all core tables have cms_id', info=true) -%}
{% endmacro %}
