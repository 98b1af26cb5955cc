{% macro cms_id_kept_differences() %}
    {#- True for years: a row of the baseline that still exists has its id as cms_id; any other row has NULL, or a CMS id of
        its own. A row of the baseline whose id was changed shows as one that took a baseline row's cms_id. -#}
    {%- do return(check_each_core_table(_cms_id_kept_of, needs_cms_id=true, needs_baseline=true)) -%}
{% endmacro %}
