{% macro quote_text(value) -%}
'{{ (value | string).replace("'", "''") }}'
{%- endmacro %}
