{% macro generate_alias_name(custom_alias_name=none, node=none) %}
    {#- Takes the place of dbt's own macro. dbt keeps the failing rows of a test under the test's name, in place of what
        has that name: in the audit schema that must be none of our own tables, whatever somebody calls a test. -#}
    {%- set name = default__generate_alias_name(custom_alias_name, node) | trim -%}
    {%- do return(fitting_name('failures_of_' ~ name) if node.resource_type == 'test' else name) -%}
{% endmacro %}
