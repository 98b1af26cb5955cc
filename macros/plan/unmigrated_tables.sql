{% macro unmigrated_tables(mode) %}
    {#- The core tables that add_cms_id has still to migrate. A table that has its column is never filled again: its rows
        with NULL are local. A column that is not what a migration leaves behind is refused, not repaired; so is one that is
        gone, since the rows created locally are no longer told from the others. -#}
    {%- do refuse_another_registry('add_cms_id') -%}
    {%- set tables = core_tables_by_state() -%}
    {%- if tables.lost -%}
        {%- do exceptions.raise_compiler_error(
            'add_cms_id: cms_id of ' ~ tables.lost | map(attribute='name') | join(', ') ~ ' was dropped since its migration, and filled again it would'
            ~ ' call rows created locally the CMS\'s. Nothing was changed: restore a backup that has the column, or give the migration up with'
            ~ ' drop_cms_id (scripts/cmsid undo) and begin anew.'
        ) -%}
    {%- endif -%}
    {%- if tables.foreign -%}
        {%- do log(
            'cms_id of ' ~ tables.foreign | map(attribute='name') | join(', ') ~ ' was made by another tool (no migration of it is logged) and is left'
            ~ ' as it is: dbt test judges it',
            info=true
        ) -%}
    {%- endif -%}
    {%- if tables.wrong -%}
        {%- do refuse_findings(tables.wrong, mode) -%}
    {%- endif -%}
    {%- do return(tables.todo) -%}
{% endmacro %}
