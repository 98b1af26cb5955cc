{% macro _cms_id_kept_of(table) %}
    {#- A row whose cms_id is its id is right whether it was kept or not, and is joined with nothing. -#}
    {%- set kept = 'kept.' ~ table.id -%}
    {%- set taken = 'select 1 from ' ~ table.baseline ~ ' as taken where taken.' ~ table.id ~ ' = live.cms_id' -%}
    {%- do return(cms_id_comparison(
        table,
        kept,
        'coalesce(' ~ kept ~ "::text, 'NULL, or a CMS id that no row of the baseline has')",
        'live.cms_id is distinct from live.' ~ table.id ~ ' and (' ~ kept ~ ' is not null or exists (' ~ taken ~ '))'
    )) -%}
{% endmacro %}
