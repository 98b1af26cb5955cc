{% macro check_each_core_table(check, needs_cms_id=false, needs_baseline=false) %}
    {#- `check(table)` for every core table, told together where it is a comparison; a table that lacks what the check reads
        fails by name. So does a cms_id that cannot be compared with a number: the check itself would end in an error. -#}
    {%- if not execute -%}{%- do return(no_failing_rows()) -%}{%- endif -%}
    {%- if needs_baseline -%}{%- do run_query(plan_comparison(indexed=true)) -%}{%- endif -%}
    {%- set comparisons, plain = [], [] -%}
    {%- for table in compared_tables() -%}
        {%- if needs_cms_id and not table.cms_id_type -%}
            {%- do plain.append(failing_row(table.name, none, 'cms_id', 'a column cms_id', 'the column is missing')) -%}
        {%- elif needs_cms_id and table.cms_id_type not in ['smallint', 'integer', 'bigint', 'numeric'] -%}
            {%- do plain.append(failing_row(
                table.name, none, 'cms_id', 'a column of type ' ~ var('cms_id_type'), 'a column of type ' ~ table.cms_id_type
            )) -%}
        {%- elif needs_baseline and not table.kept -%}
            {%- do plain.append(failing_row(table.name, none, none, 'a baseline', 'there is none: run dbt snapshot')) -%}
        {%- else -%}
            {%- set made = check(table) -%}
            {%- do (plain.append('(' ~ made ~ ')') if made is string else comparisons.append(made)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(told_differences(comparisons, plain)) -%}
{% endmacro %}
