{% macro audit_relation(name) %}
    {#- The quoted name of a relation in the audit schema (the profile's), cut where it is too long. -#}
    {%- do return(quote_name(target.schema) ~ '.' ~ quote_name(fitting_name(name))) -%}
{% endmacro %}
