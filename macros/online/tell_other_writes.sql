{% macro tell_other_writes(tables) %}
    {#- What other sessions wrote between the baseline and now, in words, to the terminal and to `events`. -#}
    {%- set kept = baseline_columns() -%}
    {%- set live = columns_by_table(tables) -%}
    {%- set words = {
        'added_before': 'added before the cut-over', 'added_after': 'added after it', 'deleted': 'deleted', 'changed': 'changed',
        'replaced': 'deleted and added again under the same id',
    } -%}
    {%- set told = [] -%}
    {%- for table in tables if table.name in kept -%}
        {%- set columns = live[table.name] | selectattr('name', 'in', kept[table.name]) | list -%}
        {%- set found = run_query(other_writes_query(table, columns)).rows[0] -%}
        {%- set parts = [] -%}
        {%- for kind, word in words.items() if found[kind] -%}
            {%- do parts.append(found[kind] ~ ' ' ~ word ~ ' (ids ' ~ found[kind ~ '_keys'].strip('{}').replace(',', ', ')
                ~ (' ...' if found[kind] > 5 else '') ~ ')') -%}
        {%- endfor -%}
        {%- if parts -%}
            {%- do told.append([table.name, parts | join(', ')]) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name, detail in told -%}
        {%- do run_query('insert into ' ~ audit_relation('events') ~ ' (event, table_name, detail) values (' ~ quote_text('other writes') ~ ', '
            ~ quote_text(name) ~ ', ' ~ quote_text(detail) ~ ')') -%}
        {%- do log('online: ' ~ name ~ ': written by other sessions since the baseline: ' ~ detail, info=true) -%}
    {%- endfor -%}
    {%- if told and not var('allow_update_triggers') -%}
        {%- do log('online: none of these is the migration\'s: in every batch the fingerprint of all other columns was the same before and after', info=true) -%}
    {%- endif -%}
{% endmacro %}
