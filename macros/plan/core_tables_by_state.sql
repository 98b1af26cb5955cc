{% macro core_tables_by_state() %}
    {#- The core tables by what is to be done with them: {todo, lost, wrong, foreign, done: tables}, and as `open` those of `todo` that are
        begun. `lost`: the migration is logged as done, and somebody dropped the column by hand; `wrong`: a column that no migration
        leaves behind; `foreign`: a complete one that no migration of ours is known to have made. -#}
    {%- set columns = cms_id_columns(core_tables()) -%}
    {%- set states = migration_states() -%}
    {%- set found = {'todo': [], 'open': [], 'lost': [], 'wrong': [], 'foreign': [], 'done': []} -%}
    {%- for table in core_tables() -%}
        {%- set column, state = columns.get(table.name), states.get(table.name) -%}
        {%- if state in open_states() -%}{%- set kind = 'todo' -%}{%- do found.open.append(table) -%}
        {%- elif not column -%}{%- set kind = 'lost' if state == 'done' else 'todo' -%}
        {%- elif column.type != var('cms_id_type') or not column.constraint or not column.valid -%}{%- set kind = 'wrong' -%}
        {%- else -%}{%- set kind = 'done' if state == 'done' else 'foreign' -%}
        {%- endif -%}
        {%- do found[kind].append(table) -%}
    {%- endfor -%}
    {%- do return(found) -%}
{% endmacro %}
