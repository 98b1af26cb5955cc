{% macro mark_of(type) %}
    {#- What existing rows read from the cut-over until they are filled: the lowest value of the type, so below any id. -#}
    {%- do return('-9223372036854775808' if type == 'bigint' else '-2147483648') -%}
{% endmacro %}
