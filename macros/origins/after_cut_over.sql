{% macro after_cut_over(value='') %}
    {#- Gives the value back, and makes dbt run whatever uses it behind the migration: a test of a source would otherwise
        run first of all in `dbt build`. -#}
    {%- do ref('origin_summary') -%}
    {%- do return(value) -%}
{% endmacro %}
