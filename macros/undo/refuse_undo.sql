{% macro refuse_undo(tables, force) %}
    {#- Said before anything is locked; the plan checks the same again under lock. -#}
    {%- set reasons = [] -%}
    {%- for row in run_query(preflight_findings(tables, var('cms_id_type'))).rows if row['finding'] == 'not_owner' -%}
        {%- do reasons.append(row['detail'] ~ ' (' ~ row['remedy'] ~ ')') -%}
    {%- endfor -%}
    {%- if reasons -%}
        {%- do exceptions.raise_compiler_error('drop_cms_id: ' ~ reasons | join('; ') ~ '. Nothing was changed.') -%}
    {%- endif -%}
    {%- for row in run_query(undo_foreign_columns(tables)).rows -%}
        {%- do reasons.append(row['table_name'] ~ '.cms_id is ' ~ row['actual']) -%}
    {%- endfor -%}
    {%- if reasons -%}
        {%- do exceptions.raise_compiler_error('drop_cms_id: no migration leaves such a column: ' ~ reasons | join(', ')
            ~ '. Nothing was changed: remove it by hand, or rename it if it means something else.') -%}
    {%- endif -%}
    {%- for row in run_query(undo_obstacles(tables)).rows -%}
        {%- do reasons.append(row['actual'] ~ ' (' ~ row['table_name'] ~ ')') -%}
    {%- endfor -%}
    {%- if reasons -%}
        {%- do exceptions.raise_compiler_error('drop_cms_id: these would go with cms_id: ' ~ reasons | join(', ')
            ~ '. Nothing was changed: remove them first.') -%}
    {%- endif -%}
    {%- if not force -%}
        {%- for row in run_query(undo_unlogged_columns(tables)).rows -%}
            {%- do reasons.append(row['table_name']) -%}
        {%- endfor -%}
        {%- if reasons -%}
            {%- do exceptions.raise_compiler_error('drop_cms_id: no migration in the log made cms_id of ' ~ reasons | join(', ')
                ~ ': whose is it? Nothing was changed: have what made it remove it, or, if it may go, run it with force: true (scripts/cmsid undo --force).') -%}
        {%- endif -%}
        {#- A session that keeps everybody out is named, not waited for. -#}
        {%- do run_query(lock_tables(tables, 'access share')) -%}
        {%- for row in run_query(undo_losses(tables)).rows -%}
            {%- do reasons.append(row['table_name'] ~ ': ' ~ row['actual']) -%}
        {%- endfor -%}
        {%- if reasons -%}
            {%- do exceptions.raise_compiler_error('drop_cms_id: it would be forgotten where rows came from: ' ~ reasons | join('; ')
                ~ '. Nothing was changed: run it with force: true (scripts/cmsid undo --force) to forget that.') -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
