{% macro quote_name(name) %}
    {%- do return('"' ~ name.replace('"', '""') ~ '"') -%}
{% endmacro %}
