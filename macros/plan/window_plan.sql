{% macro window_plan(tables) %}
    {#- The whole migration in window mode: a list of {label, sql}, to be run in one transaction. Each check is a statement
        that raises, so that the printed plan, run by any client, proves itself before it commits. -#}
    {%- set plan = [] -%}
    {%- do plan.append({'label': 'pin the settings', 'sql': session_pins(names='application')}) -%}
    {%- do plan.append({'label': 'limit waiting', 'sql': "set local lock_timeout = '" ~ var('lock_timeout') ~ "'"}) -%}
    {%- do plan.append({'label': 'one runner at a time', 'sql': take_runner_lock()}) -%}
    {%- do plan.append({'label': 'lock ' ~ tables | length ~ ' tables', 'sql': lock_tables(tables)}) -%}
    {%- do plan.append({'label': 'gate: nobody reads by an older snapshot', 'sql': gate_no_old_snapshot()}) -%}
    {%- do plan.append({'label': 'define the fingerprints', 'sql': define_fingerprints(tables)}) -%}
    {%- do plan.append({'label': 'fingerprint before', 'sql': keep_fingerprints('cms_id_before')}) -%}
    {%- do plan.append({'label': 'gate: as in baseline and backup', 'sql': gate_unchanged(tables, 'cms_id_before', 'before the migration')}) -%}
    {%- do plan.append({'label': 'define the catalogue', 'sql': define_catalogue()}) -%}
    {%- do plan.append({'label': 'catalogue before', 'sql': keep_catalogue('cms_id_catalogue_before')}) -%}
    {%- do plan.append({'label': 'log the cut-over', 'sql': log_cut_over(tables)}) -%}
    {%- for table in tables -%}
        {%- do plan.append({'label': table.name ~ ': add column', 'sql':
            'alter table ' ~ table.relation ~ ' add column cms_id ' ~ var('cms_id_type')}) -%}
        {%- do plan.append({'label': table.name ~ ': fill and constrain', 'sql':
            'alter table ' ~ table.relation
            ~ '\n    alter column cms_id type ' ~ var('cms_id_type') ~ ' using ' ~ table.id
            ~ ',\n    add constraint ' ~ quote_name(table.constraint) ~ ' unique (cms_id)'}) -%}
    {%- endfor -%}
    {%- do plan.append({'label': 'define the fingerprints, with cms_id', 'sql': define_fingerprints(tables, filled=true)}) -%}
    {%- do plan.append({'label': 'fingerprint after', 'sql': keep_fingerprints('cms_id_after')}) -%}
    {%- do plan.append({'label': 'gate: no other column changed', 'sql': gate_unchanged(tables, 'cms_id_after', 'by the migration')}) -%}
    {%- do plan.append({'label': 'gate: spec test 1.1', 'sql': gate_check('column', cms_id_column_differences(tables))}) -%}
    {%- do plan.append({'label': 'gate: spec test 1.2', 'sql': gate_check('constraint', cms_id_constraint_differences(tables))}) -%}
    {%- do plan.append({'label': 'gate: spec test 3.1', 'sql': gate_check('population', _planned_population_differences(tables))}) -%}
    {%- do plan.append({'label': 'catalogue after', 'sql': keep_catalogue('cms_id_catalogue_after')}) -%}
    {%- do plan.append({'label': 'gate: nothing else in the catalogue',
        'sql': gate_check('catalogue', added_object_differences(tables, 'cms_id_catalogue_before', 'cms_id_catalogue_after'))}) -%}
    {%- do plan.append({'label': 'log the end', 'sql': log_finished()}) -%}
    {%- do return(within_budget(kept_in_ledger(plan, 'migrate-window', tables))) -%}
{% endmacro %}
