{% macro refuse_without_proof(tables) %}
    {#- No baseline or no backup, no migration: said before anything is touched. -#}
    {%- set kept = baseline_columns() -%}
    {%- set missing = tables | map(attribute='name') | reject('in', kept.keys() | list) | list -%}
    {%- if missing -%}
        {%- do exceptions.raise_compiler_error(
            'add_cms_id: there is no baseline of ' ~ missing | join(', ') ~ '. Nothing was changed: run dbt snapshot first.'
        ) -%}
    {%- endif -%}
    {%- if var('require_backup') -%}
        {%- if not audit_table_exists('backups') or run_query('select ' ~ newest_backup()).columns[0][0] is none -%}
            {%- do exceptions.raise_compiler_error(
                'add_cms_id: no backup is listed. Nothing was changed: run scripts/cmsid backup first, or set var require_backup to false.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
