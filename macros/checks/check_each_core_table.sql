{% macro check_each_core_table(check, needs_cms_id=false, needs_baseline=false) %}
    {#- `check(table)` for every core table, joined by UNION ALL; a table that lacks what the check reads fails by name.
        So does a cms_id that cannot be compared with a number: the check itself would end in an error. -#}
    {%- if not execute -%}{%- do return(no_failing_rows()) -%}{%- endif -%}
    {%- if needs_baseline -%}{%- do run_query(plan_comparison(indexed=true)) -%}{%- endif -%}
    {%- set tables = core_tables() -%}
    {%- set present = cms_id_columns(tables) if needs_cms_id else {} -%}
    {%- set kept = baseline_columns() if needs_baseline else {} -%}
    {%- set parts = [] -%}
    {%- for table in tables -%}
        {%- if needs_cms_id and table.name not in present -%}
            {%- do parts.append(failing_row(table.name, none, 'cms_id', 'a column cms_id', 'the column is missing')) -%}
        {%- elif needs_cms_id and present[table.name].type not in ['smallint', 'integer', 'bigint', 'numeric'] -%}
            {%- do parts.append(failing_row(
                table.name, none, 'cms_id', 'a column of type ' ~ var('cms_id_type'), 'a column of type ' ~ present[table.name].type
            )) -%}
        {%- elif needs_baseline and table.name not in kept -%}
            {%- do parts.append(failing_row(table.name, none, none, 'a baseline', 'there is none: run dbt snapshot')) -%}
        {%- else -%}
            {%- do parts.append('(' ~ check(table) ~ ')') -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(parts | join('\nunion all\n')) -%}
{% endmacro %}
