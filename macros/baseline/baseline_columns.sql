{% macro baseline_columns() %}
    {#- {table name: [column names]} of the rows that are kept; empty when no baseline was taken. A table whose copy was
        dropped since is absent. -#}
    {%- set kept = {} -%}
    {%- if audit_table_exists('baseline_tables') -%}
        {%- set query = 'select table_name, c.name from ' ~ audit_relation('baseline_tables')
            ~ ' cross join lateral unnest(column_names) with ordinality as c (name, position) order by table_name, c.position' -%}
        {%- for row in run_query(query).rows -%}
            {%- if row[0] not in kept -%}{%- do kept.update({row[0]: []}) -%}{%- endif -%}
            {%- do kept[row[0]].append(row[1]) -%}
        {%- endfor -%}
        {%- for name in kept.keys() | list if not audit_table_exists('baseline_rows_' ~ name) -%}
            {%- do kept.pop(name) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(kept) -%}
{% endmacro %}
