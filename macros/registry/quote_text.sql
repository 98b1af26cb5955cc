{% macro quote_text(value) -%}
    {#- Written out rather than returned, so that the driver can render what uses it. With E, a backslash means the same
        whatever the session's standard_conforming_strings. -#}
    {{ 'E' if '\\' in value | string }}'{{ (value | string).replace("'", "''").replace('\\', '\\\\') }}'
{%- endmacro %}
