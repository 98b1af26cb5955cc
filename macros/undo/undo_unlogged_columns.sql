{% macro undo_unlogged_columns(tables) %}
    {#- A cms_id that no migration in our log has made, or one that was undone: whose it is, only its owner can say. One row
        per table. -#}
    {%- set states = migration_states() -%}
    {%- set parts = [] -%}
    {%- for table in tables if states.get(table.name, 'undone') in ['undone', 'abandoned'] -%}
        {%- do parts.append(failing_row(table.name, none, 'cms_id', 'a migration that is logged', 'none that made it')) -%}
    {%- endfor -%}
    {%- do return(parts | join('\nunion all\n') or no_failing_rows()) -%}
{% endmacro %}
