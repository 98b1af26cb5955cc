{% macro fitting_name(name) %}
    {#- A name for a relation, cut, with its hash, where it has more than 63 bytes. In bytes, as the server counts: it
        would cut a longer name itself, and make two of them one. -#}
    {%- set bytes = name.encode('utf-8') -%}
    {%- do return(name if bytes | length <= 63 else bytes[:30].decode('utf-8', 'ignore') ~ '_' ~ local_md5(name)) -%}
{% endmacro %}
