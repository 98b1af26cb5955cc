{% macro refuse_findings(tables, mode) %}
    {#- Refuses what cannot be migrated, with every reason at once, before anything is touched. -#}
    {%- set states = migration_states() -%}
    {%- set open = [] -%}
    {%- for table in tables if states.get(table.name) in open_states() -%}
        {%- do open.append(table.name) -%}
    {%- endfor -%}
    {%- set reasons = [] -%}
    {%- for row in run_query(preflight_findings(tables, var('cms_id_type'), var('allow_update_triggers'), open)).rows if row['blocks'] in [mode, 'both'] -%}
        {%- do reasons.append(row['detail'] ~ ' (' ~ row['remedy'] ~ ')') -%}
    {%- endfor -%}
    {%- if not reasons -%}
        {%- for row in run_query(preflight_id_findings(tables, var('cms_id_type'))).rows if row['blocks'] in [mode, 'both'] -%}
            {%- do reasons.append(row['detail'] ~ ' (' ~ row['remedy'] ~ ')') -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if reasons -%}
        {%- do exceptions.raise_compiler_error('add_cms_id: ' ~ reasons | join('; ') ~ '. Nothing was changed.') -%}
    {%- endif -%}
{% endmacro %}
