{% macro audit_relation(name) %}
    {%- do return(quote_name(target.schema) ~ '.' ~ quote_name(name if name | length <= 63 else name[:30] ~ '_' ~ local_md5(name))) -%}
{% endmacro %}
