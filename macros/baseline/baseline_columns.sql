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
        {%- set copies = [] -%}
        {%- for name in kept -%}{%- do copies.append('(' ~ quote_text(name) ~ ', ' ~ quote_text(baseline_rows(name)) ~ ')') -%}{%- endfor -%}
        {%- set gone = 'select name from (values ' ~ copies | join(', ') ~ ') as c (name, copy) where to_regclass(copy) is null' -%}
        {%- for row in (run_query(gone).rows if copies else []) -%}{%- do kept.pop(row[0]) -%}{%- endfor -%}
    {%- endif -%}
    {%- do return(kept) -%}
{% endmacro %}
