{% macro quote_text(value) -%}
    {#- Written out rather than returned, so that the driver can render what uses it. -#}
    '{{ (value | string).replace("'", "''") }}'
{%- endmacro %}
