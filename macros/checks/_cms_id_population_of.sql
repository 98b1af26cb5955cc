{% macro _cms_id_population_of(table) %}
    {%- do return(cms_id_comparison(table, 'live.' ~ table.id, 'live.' ~ table.id ~ '::text')) -%}
{% endmacro %}
