{% macro after_cut_over() %}
    {#- Makes dbt run whatever uses it behind the migration: a test of a source would otherwise
        run first of all in `dbt build`. -#}
    {%- do ref('origin_summary') -%}
{% endmacro %}
