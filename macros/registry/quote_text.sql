{% macro quote_text(value) %}
    {%- do return("'" ~ (value | string).replace("'", "''") ~ "'") -%}
{% endmacro %}
