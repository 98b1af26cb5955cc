{% macro open_states() %}
    {#- The states of a table that an online migration has marked and not finished. -#}
    {%- do return(['marked', 'backfilled', 'indexed']) -%}
{% endmacro %}
