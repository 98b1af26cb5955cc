{% macro undo_plan(tables, lost, force) %}
    {#- The whole undo: a list of {label, sql}, to be run in one transaction. The rows keep everything but cms_id, those
        written since the cut-over included, and the catalogue loses exactly what the migration added. Of `lost` tables
        there is only the log to be set right. `force` has it forgotten which rows are local. -#}
    {%- set plan = [] -%}
    {%- if not tables -%}
        {%- do plan.append({'label': 'one runner at a time', 'sql': take_runner_lock()}) -%}
        {%- do plan.append({'label': 'log the undo', 'sql': log_undone(lost)}) -%}
        {%- do return(plan) -%}
    {%- endif -%}
    {%- set views = [] -%}
    {%- for row in run_query(cms_id_dependents(tables)).rows if row['is_ours'] and row['view_name'] -%}
        {%- set view = quote_name(row['view_schema']) ~ '.' ~ quote_name(row['view_name']) -%}
        {%- if view not in views -%}{%- do views.append(view) -%}{%- endif -%}
    {%- endfor -%}
    {%- do plan.append({'label': 'pin the settings', 'sql': session_pins(names='application')}) -%}
    {%- do plan.append({'label': 'limit waiting', 'sql': "set local lock_timeout = '" ~ var('lock_timeout') ~ "'"}) -%}
    {%- do plan.append({'label': 'one runner at a time', 'sql': take_runner_lock()}) -%}
    {%- do plan.append({'label': 'lock ' ~ tables | length ~ ' tables', 'sql': lock_tables(tables)}) -%}
    {%- do plan.append({'label': 'gate: the columns are a migration\'s', 'sql': gate_check('cms_id columns', undo_foreign_columns(tables))}) -%}
    {%- do plan.append({'label': 'gate: nothing of others goes along', 'sql': gate_check('other objects', undo_obstacles(tables))}) -%}
    {%- if not force -%}
        {%- do plan.append({'label': 'gate: a migration of ours made them', 'sql': gate_check('logged migrations', undo_unlogged_columns(tables))}) -%}
        {%- do plan.append({'label': 'gate: nothing is forgotten', 'sql': gate_check('origin of rows', undo_losses(tables))}) -%}
    {%- endif -%}
    {%- do plan.append({'label': 'define the fingerprints', 'sql': define_fingerprints(tables)}) -%}
    {%- do plan.append({'label': 'fingerprint before', 'sql': keep_fingerprints('cms_id_before')}) -%}
    {%- do plan.append({'label': 'define the catalogue', 'sql': define_catalogue()}) -%}
    {%- do plan.append({'label': 'catalogue before', 'sql': keep_catalogue('cms_id_catalogue_before')}) -%}
    {%- if views -%}
        {%- do plan.append({'label': 'drop our views', 'sql': 'drop view if exists\n    ' ~ views | join(',\n    ')}) -%}
    {%- endif -%}
    {%- for table in tables -%}
        {%- do plan.append({'label': table.name ~ ': drop column', 'sql': 'alter table ' ~ table.relation ~ ' drop column cms_id'}) -%}
    {%- endfor -%}
    {%- do plan.append({'label': 'fingerprint after', 'sql': keep_fingerprints('cms_id_after')}) -%}
    {%- do plan.append({'label': 'gate: no other column changed',
        'sql': gate_check('rows', fingerprint_differences('cms_id_before', 'cms_id_after'))}) -%}
    {%- do plan.append({'label': 'catalogue after', 'sql': keep_catalogue('cms_id_catalogue_after')}) -%}
    {%- do plan.append({'label': 'gate: nothing else in the catalogue',
        'sql': gate_check('catalogue', removed_object_differences(tables, 'cms_id_catalogue_before', 'cms_id_catalogue_after'))}) -%}
    {%- do plan.append({'label': 'log the undo', 'sql': log_undone(tables + lost)}) -%}
    {%- do return(within_budget(kept_in_ledger(plan, 'undo', tables))) -%}
{% endmacro %}
