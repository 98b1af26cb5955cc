{% macro quote_name(name) -%}
    {#- Written out rather than returned, so that the driver can render what uses it. -#}
    "{{ name.replace('"', '""') }}"
{%- endmacro %}
