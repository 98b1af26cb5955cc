{% macro fill_table(step) %}
    {#- Sends the slice until the table is filled, and tells how far it is. -#}
    {%- set table = step.table -%}
    {%- set query = 'select p.* from (' ~ migration_progress_query(target.schema) ~ ') as p where p.table_name = ' ~ quote_text(table.name) -%}
    {#- Jinja has no `while`; a list that grows while it is walked does the same. -#}
    {%- set slices = [run_query(query).rows[0]] -%}
    {%- for begun in slices if begun['state'] == 'marked' -%}
        {%- do pause_while_loaded(table) -%}
        {%- do run_query(step.sql) -%}
        {%- set now = run_query(query).rows[0] -%}
        {%- do log('online: ' ~ step.label.split(':')[0] ~ ': ' ~ now['words'], info=true) -%}
        {%- do slices.append(now) -%}
    {%- endfor -%}
{% endmacro %}
