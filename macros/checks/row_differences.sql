{% macro row_differences() %}
    {#- Every core table against its kept rows, every original column, by value. -#}
    {%- if not execute -%}{%- do return(no_failing_rows()) -%}{%- endif -%}
    {%- do run_query(plan_comparison(indexed=true)) -%}
    {%- set tables = compared_tables() -%}
    {%- set live = columns_by_table(tables) -%}
    {%- set comparisons, parts = [], [] -%}
    {%- for table in tables -%}
        {%- if not table.kept -%}
            {%- do parts.append(failing_row(table.name, none, none, 'a baseline', 'there is none: run dbt snapshot')) -%}
        {%- else -%}
            {%- set names = live.get(table.name, []) | map(attribute='name') | list -%}
            {%- set gone = table.kept | reject('in', names) | list -%}
            {%- for name in gone -%}
                {%- do parts.append(failing_row(table.name, none, name, 'column ' ~ name, 'the column is missing')) -%}
            {%- endfor -%}
            {%- for name in names if name not in table.kept -%}
                {%- do parts.append(failing_row(table.name, none, name, 'no such column', 'an additional column')) -%}
            {%- endfor -%}
            {%- set common = live.get(table.name, []) | selectattr('name', 'in', table.kept) | list -%}
            {%- if table.id_column not in gone and common -%}
                {%- do comparisons.append(core_comparison(table, common)) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(told_differences(comparisons, parts)) -%}
{% endmacro %}
