{% macro unmigrated_tables() %}
    {#- The core tables that add_cms_id has still to migrate. A table that has its column is never filled again: its rows
        with NULL are local. A column that is not what a migration leaves behind is refused, not repaired. -#}
    {%- set tables = core_tables() -%}
    {%- set present = cms_id_columns(tables) -%}
    {%- set states = migration_states() -%}
    {%- set todo = [] -%}
    {%- set wrong = [] -%}
    {%- set foreign = [] -%}
    {%- for table in tables -%}
        {%- set column = present.get(table.name) -%}
        {%- if not column -%}
            {%- do todo.append(table) -%}
        {%- elif states.get(table.name) in ['marked', 'backfilled', 'indexed'] -%}
            {%- do todo.append(table) -%}
        {%- elif column.type != var('cms_id_type') or not column.constraint or not column.valid -%}
            {%- do wrong.append(table.name ~ ' has a column cms_id (' ~ column.type ~ ', '
                ~ ('constraint ' ~ column.constraint if column.constraint else 'no unique constraint') ~ ') that no migration left there') -%}
        {%- elif states.get(table.name) != 'done' -%}
            {%- do foreign.append(table.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if foreign -%}
        {%- do log(
            'cms_id of ' ~ foreign | join(', ') ~ ' was made by another tool (no migration of it is logged) and is left as it is: dbt test judges it',
            info=true
        ) -%}
    {%- endif -%}
    {%- if wrong -%}
        {%- do exceptions.raise_compiler_error('add_cms_id: ' ~ wrong | join('; ') ~ '. Nothing was changed: remove or complete it by hand.') -%}
    {%- endif -%}
    {%- do return(todo) -%}
{% endmacro %}
