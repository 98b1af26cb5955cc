{% macro row_differences() %}
    {#- Every core table against its kept rows, every original column, by value. -#}
    {%- if not execute -%}{%- do return(no_failing_rows()) -%}{%- endif -%}
    {%- do run_query(plan_comparison(indexed=true)) -%}
    {%- set tables = core_tables() -%}
    {%- set kept = baseline_columns() -%}
    {%- set live = columns_by_table(tables) -%}
    {%- set parts = [] -%}
    {%- for table in tables -%}
        {%- if table.name not in kept -%}
            {%- do parts.append(failing_row(table.name, none, none, 'a baseline', 'there is none: run dbt snapshot')) -%}
        {%- else -%}
            {%- set names = live.get(table.name, []) | map(attribute='name') | list -%}
            {%- set gone = kept[table.name] | reject('in', names) | list -%}
            {%- for name in gone -%}
                {%- do parts.append(failing_row(table.name, none, name, 'column ' ~ name, 'the column is missing')) -%}
            {%- endfor -%}
            {%- for name in names if name not in kept[table.name] -%}
                {%- do parts.append(failing_row(table.name, none, name, 'no such column', 'an additional column')) -%}
            {%- endfor -%}
            {%- set common = live.get(table.name, []) | selectattr('name', 'in', kept[table.name]) | list -%}
            {%- if table.id_column not in gone and common -%}
                {%- do parts.append('(' ~ value_differences(
                    table.name, 'select * from ' ~ table.baseline, 'select * from only ' ~ table.relation, table.id_column, common
                ) ~ ')') -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(parts | join('\nunion all\n')) -%}
{% endmacro %}
