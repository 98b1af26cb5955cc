{% macro begin_operation(operation) %}
    {#- What each operation begins with: its statements are each a transaction, so the session is pinned, to its end. -#}
    {%- do refuse_wrong_vars() -%}
    {%- do refuse_pooler(operation) -%}
    {%- do run_query(session_pins(local=false, names='application')) -%}
{% endmacro %}
