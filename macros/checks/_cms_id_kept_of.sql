{% macro _cms_id_kept_of(table) %}
    {%- set kept = 'kept.' ~ table.id -%}
    {%- set taken = 'select 1 from ' ~ table.baseline ~ ' as taken where taken.' ~ table.id ~ ' = live.cms_id' -%}
    {%- do return(cms_id_comparison(
        table,
        kept,
        'coalesce(' ~ kept ~ "::text, 'NULL, or a CMS id that no row of the baseline has')",
        kept ~ ' is not null or exists (' ~ taken ~ ')'
    )) -%}
{% endmacro %}
