{% macro audit_relation(name) %}
    {%- do return(quote_name(target.schema) ~ '.' ~ quote_name(fitting_name(name))) -%}
{% endmacro %}
