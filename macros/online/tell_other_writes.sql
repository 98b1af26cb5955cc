{% macro tell_other_writes(tables) %}
    {#- What other sessions wrote between the baseline and now, and what the filling's triggers did, in words, to the terminal
        and to `events`. Columns that triggers changed are left out of the comparison: nobody can tell who else changed them. -#}
    {%- set kept = baseline_columns() -%}
    {%- set live = columns_by_table(tables) -%}
    {%- set words = {
        'added_before': 'added before the cut-over', 'added_after': 'added after it', 'deleted': 'deleted', 'changed': 'changed',
        'replaced': 'deleted and added again under the same id',
    } -%}
    {%- set whose = 'other sessions' ~ (', or by triggers that the filling fired,' if var('allow_update_triggers')) -%}
    {%- set rewritten = {} -%}
    {%- set query -%}
        select
            b.table_name,
            sum(b.rows_rewritten) filter (where c.position = 1) as row_count,
            array_to_json(array_agg(distinct c.name))::text as columns_json
        from {{ audit_relation('batches') }} as b
        cross join lateral unnest(b.columns_rewritten) with ordinality as c (name, position)
        where b.migration_id = (select max(m.migration_id) from {{ audit_relation('migrations') }} as m where m.mode = 'online')
        group by b.table_name
    {%- endset -%}
    {%- for row in run_query(query).rows -%}
        {%- do rewritten.update({row['table_name']: row}) -%}
    {%- endfor -%}
    {%- set told = [] -%}
    {%- for table in tables -%}
        {%- if table.name in rewritten -%}
            {%- set row = rewritten[table.name] -%}
            {%- do told.append(['changed by triggers', table.name, row['row_count'] ~ ' rows had other columns changed by the filling itself (triggers): '
                ~ fromjson(row['columns_json']) | join(', ') ~ '; whether other sessions changed these columns too cannot be seen']) -%}
        {%- endif -%}
        {%- set columns = live[table.name] | selectattr('name', 'in', kept.get(table.name, [])) | list -%}
        {%- if table.name in rewritten -%}
            {%- set columns = columns | rejectattr('name', 'in', fromjson(rewritten[table.name]['columns_json'])) | list -%}
        {%- endif -%}
        {%- if table.name in kept -%}
            {%- set found = run_query(other_writes_query(table, columns)).rows[0] -%}
            {%- set parts = [] -%}
            {%- for kind, word in words.items() if found[kind] -%}
                {%- do parts.append(found[kind] ~ ' ' ~ word ~ ' (ids ' ~ found[kind ~ '_keys'].strip('{}').replace(',', ', ')
                    ~ (' ...' if found[kind] > 5 else '') ~ ')') -%}
            {%- endfor -%}
            {%- if parts -%}
                {%- do told.append(['other writes', table.name, 'written by ' ~ whose ~ ' since the baseline: ' ~ parts | join(', ')]) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for event, name, detail in told -%}
        {%- do record_event(event, name, detail) -%}
        {%- do log('online: ' ~ name ~ ': ' ~ detail, info=true) -%}
    {%- endfor -%}
    {%- if told and not var('allow_update_triggers') and not rewritten -%}
        {%- do log('online: none of these is the migration\'s: in every batch the fingerprint of all other columns was the same before and after', info=true) -%}
    {%- endif -%}
{% endmacro %}
