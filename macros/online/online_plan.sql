{% macro online_plan(new_tables, tables, states) %}
    {#- The statements of online mode, [{label, sql, kind}]: for tables without cms_id the cut-over, then for each table what
        its state still asks for. Every statement commits by itself. `kind` tells run_online_plan what to do around it:
        once: nothing; fill: send it until the table is filled; index: remove what an interrupted build left, first. Before a
        step that has a `table` it pauses, where somebody asked for that. -#}
    {%- set plan = [] -%}
    {%- if new_tables -%}
        {%- do plan.append({'kind': 'once', 'label': 'cut-over of ' ~ new_tables | length ~ ' tables', 'sql': mark_tables(new_tables)}) -%}
    {%- endif -%}
    {%- set names = core_tables() | map(attribute='name') | list -%}
    {%- set columns = columns_by_table(tables) -%}
    {%- set restated = restated_columns(tables) -%}
    {%- set hint = 'Everything done so far is kept.' -%}
    {%- for table in tables -%}
        {%- set state = states.get(table.name) if table not in new_tables else 'marked' -%}
        {%- set label = 'table ' ~ (names.index(table.name) + 1) ~ ' of ' ~ names | length ~ ', ' ~ table.name -%}
        {%- if state == 'marked' -%}
            {%- do plan.append({'kind': 'once', 'label': label ~ ': count the marked rows', 'sql': count_marked(table), 'table': table}) -%}
            {%- do plan.append({'kind': 'fill', 'label': label ~ ': fill; sent again until the table is filled', 'sql': fill_slice(table, columns[table.name], restated.get(table.name, [])), 'table': table}) -%}
        {%- endif -%}
        {%- if state in ['marked', 'backfilled'] -%}
            {%- do plan.append({'kind': 'once', 'label': label ~ ': gate: every marked row is filled', 'sql': check_filled(table), 'table': table}) -%}
        {%- endif -%}
        {#- somebody may have dropped the index of an `indexed` table since -#}
        {%- if state != 'indexed' or not run_query(cms_id_indexes_query(table)).rows | selectattr('is_ours') | list -%}
            {%- do plan.append({'kind': 'index', 'label': label ~ ': build the index', 'sql': create_index(table), 'table': table}) -%}
            {%- do plan.append({'kind': 'once', 'label': label ~ ': gate: the index is valid', 'sql': check_index(table), 'table': table}) -%}
        {%- endif -%}
        {%- do plan.append({'kind': 'once', 'label': label ~ ': attach the constraint', 'sql': attach_constraint(table), 'table': table}) -%}
    {%- endfor -%}
    {%- do plan.append({'kind': 'once', 'label': 'gate: spec test 1.1', 'sql': gate_check('column', cms_id_column_differences(tables), hint)}) -%}
    {%- do plan.append({'kind': 'once', 'label': 'gate: spec test 1.2', 'sql': gate_check('constraint', cms_id_constraint_differences(tables), hint)}) -%}
    {%- do return(plan) -%}
{% endmacro %}
