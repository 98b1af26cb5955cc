{% macro refuse_undo(tables, force) %}
    {#- Said before anything is locked; the plan checks the same again under lock. -#}
    {%- set reasons = [] -%}
    {%- for row in run_query(undo_obstacles(tables)).rows -%}
        {%- do reasons.append(row['actual'] ~ ' (' ~ row['table_name'] ~ ')') -%}
    {%- endfor -%}
    {%- if reasons -%}
        {%- do exceptions.raise_compiler_error('drop_cms_id: these would go with cms_id: ' ~ reasons | join(', ')
            ~ '. Nothing was changed: remove them first.') -%}
    {%- endif -%}
    {%- if not force -%}
        {%- for row in run_query(undo_losses(tables)).rows -%}
            {%- do reasons.append(row['table_name'] ~ ': ' ~ row['actual']) -%}
        {%- endfor -%}
        {%- if reasons -%}
            {%- do exceptions.raise_compiler_error('drop_cms_id: it would be forgotten where rows came from: ' ~ reasons | join('; ')
                ~ '. Nothing was changed: run it with force: true (scripts/cmsid undo --force) to forget that.') -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
