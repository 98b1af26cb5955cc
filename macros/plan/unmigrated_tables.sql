{% macro unmigrated_tables(mode) %}
    {#- The core tables that add_cms_id has still to migrate. A table that has its column is never filled again: its rows
        with NULL are local. A column that is not what a migration leaves behind is refused, not repaired; so is one that is
        gone, since the rows created locally are no longer told from the others. -#}
    {%- do refuse_another_registry('add_cms_id') -%}
    {%- set tables = core_tables() -%}
    {%- set present = cms_id_columns(tables) -%}
    {%- set states = migration_states() -%}
    {%- set foreign = tables_of_another_tool(states) | map(attribute='name') | list -%}
    {%- set lost = tables_that_lost_cms_id(states) | map(attribute='name') | list -%}
    {%- if lost -%}
        {%- do exceptions.raise_compiler_error(
            'add_cms_id: cms_id of ' ~ lost | join(', ') ~ ' was dropped since its migration, and filled again it would call rows created locally'
            ~ ' the CMS\'s. Nothing was changed: restore a backup that has the column, or give the migration up with drop_cms_id'
            ~ ' (scripts/cmsid undo) and begin anew.'
        ) -%}
    {%- endif -%}
    {%- set todo = [] -%}
    {%- set wrong = [] -%}
    {%- for table in tables -%}
        {%- set column = present.get(table.name) -%}
        {%- if not column or states.get(table.name) in open_states() -%}
            {%- do todo.append(table) -%}
        {%- elif column.type != var('cms_id_type') or not column.constraint or not column.valid -%}
            {%- do wrong.append(table) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if foreign -%}
        {%- do log(
            'cms_id of ' ~ foreign | join(', ') ~ ' was made by another tool (no migration of it is logged) and is left as it is: dbt test judges it',
            info=true
        ) -%}
    {%- endif -%}
    {%- if wrong -%}
        {%- do refuse_findings(wrong, mode) -%}
    {%- endif -%}
    {%- do return(todo) -%}
{% endmacro %}
