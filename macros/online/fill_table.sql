{% macro fill_table(step) %}
    {#- Sends the slice until the table is filled, tells how far it is, and keeps to rows_per_second. The waiting is done
        between slices, in statements of at most a second that hold nothing. -#}
    {%- set table = step.table -%}
    {%- set limit = var('rows_per_second') | int -%}
    {%- set query = 'select p.*, extract(epoch from clock_timestamp())::float8 as clock from ('
        ~ migration_progress_query(target.schema) ~ ') as p where p.table_name = ' ~ quote_text(table.name) -%}
    {%- set begun = run_query(query).rows[0] -%}
    {#- Jinja has no `while`; a list that grows while it is walked does the same. -#}
    {%- set slices = [begun] -%}
    {%- for _ in slices if begun['state'] == 'marked' -%}
        {%- do pause_while_loaded(table) -%}
        {%- do run_query(step.sql) -%}
        {%- set now = run_query(query).rows[0] -%}
        {%- do log('online: ' ~ step.label.split(':')[0] ~ ': ' ~ now['rows_filled'] ~ ' of ' ~ now['rows_at_cut_over'] ~ ' rows'
            ~ (', ' ~ now['rows_per_second'] ~ ' rows/s' if now['rows_per_second'] else '')
            ~ (', ' ~ now['seconds_left'] ~ ' s left' if now['seconds_left'] else ''), info=true) -%}
        {%- if now['state'] == 'marked' -%}
            {%- do slices.append(now) -%}
            {%- if limit -%}
                {%- set early = (now['rows_filled'] - begun['rows_filled']) | float / limit - (now['clock'] - begun['clock']) | float -%}
                {%- if early > 0 -%}
                    {%- do run_query('select pg_sleep(' ~ [early, 1.0] | min ~ ')') -%}
                {%- endif -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
