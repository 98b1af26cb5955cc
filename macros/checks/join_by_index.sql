{% macro join_by_index() %}
    {#- For the rest of this transaction, which is the test's own: core tables and kept rows both have an index on the id. Joined in its
        order, neither side has to be put aside first, which takes half the time of a hash join of large tables. -#}
    {%- do run_query("select set_config('enable_hashjoin', 'off', true)") -%}
{% endmacro %}
