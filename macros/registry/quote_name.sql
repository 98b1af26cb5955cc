{% macro quote_name(name) -%}
"{{ name.replace('"', '""') }}"
{%- endmacro %}
