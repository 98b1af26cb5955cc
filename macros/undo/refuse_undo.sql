{% macro refuse_undo(tables, force) %}
    {#- Said before anything is locked; the plan checks the same again under lock. Of each check: how a row of it is said,
        and what is said of all rows. -#}
    {%- set asked = [
        (undo_foreign_columns, '{0}.cms_id is {1}', ', ', 'no migration leaves such a column: ',
            '. Nothing was changed: remove it by hand, or rename it if it means something else.'),
        (undo_obstacles, '{1} ({0})', ', ', 'these would go with cms_id: ',
            '. Nothing was changed: remove them first.'),
    ] -%}
    {%- if not force -%}
        {%- do asked.extend([
            (undo_unlogged_columns, '{0}', ', ', 'no migration in the log made cms_id of ',
                ': whose is it? Nothing was changed: have what made it remove it, or, if it may go, run it with force: true (scripts/cmsid undo --force).'),
            (undo_losses, '{0}: {1}', '; ', 'it would be forgotten where rows came from: ',
                '. Nothing was changed: run it with force: true (scripts/cmsid undo --force) to forget that.'),
        ]) -%}
    {%- endif -%}
    {%- set reasons = [] -%}
    {%- for row in run_query(preflight_findings(tables, var('cms_id_type'))).rows if row['finding'] == 'not_owner' -%}
        {%- do reasons.append(row['detail'] ~ ' (' ~ row['remedy'] ~ ')') -%}
    {%- endfor -%}
    {%- if reasons -%}
        {%- do exceptions.raise_compiler_error('drop_cms_id: ' ~ reasons | join('; ') ~ '. Nothing was changed.') -%}
    {%- endif -%}
    {%- for check, words, between, before, behind in asked -%}
        {#- The last one reads rows. A session that keeps everybody out is named, not waited for. -#}
        {%- do run_query(lock_tables(tables, 'access share')) if loop.last and not force -%}
        {%- for row in run_query(check(tables)).rows -%}
            {%- do reasons.append(words.format(row['table_name'], row['actual'])) -%}
        {%- endfor -%}
        {%- if reasons -%}
            {%- do exceptions.raise_compiler_error('drop_cms_id: ' ~ before ~ reasons | join(between) ~ behind) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
