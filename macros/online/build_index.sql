{% macro build_index(table) %}
    {#- Builds the unique index, after removing what an interrupted build left behind. Runs on a live server only. -#}
    {%- set found = run_query(cms_id_indexes_query(table)).rows -%}
    {%- for index in found if not index['is_valid'] -%}
        {%- do log('online: ' ~ table.name ~ ': dropping index ' ~ index['index_name'] ~ ', which was left unfinished', info=true) -%}
        {%- do run_query('drop index concurrently if exists ' ~ index['index_name']) -%}
    {%- endfor -%}
    {%- if not found | selectattr('is_ours') | list -%}
        {%- set waits_for = run_query(index_build_waits_for()).columns[0][0] -%}
        {%- if waits_for -%}
            {%- do log('online: ' ~ table.name ~ ': the index build waits for transactions that are open: ' ~ waits_for, info=true) -%}
        {%- endif -%}
        {%- set began = run_query('select clock_timestamp()::text').columns[0][0] -%}
        {%- do run_query(create_index(table)) -%}
        {%- do run_query(note_build(table, began)) -%}
    {%- endif -%}
{% endmacro %}
