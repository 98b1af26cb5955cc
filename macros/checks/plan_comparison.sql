{% macro plan_comparison(indexed) %}
    {#- For the rest of this transaction, which is the test's own. Where both sides have an index on the key, joining in its order takes
        half the time of a hash join of large tables, which first puts both sides aside, and so does grouping in its order. Elsewhere
        workers share the hash join: without this the server would keep it to itself, since it expects each row to differ and counts what
        handing all of them over would cost. -#}
    {%- if indexed -%}
select set_config('enable_hashjoin', 'off', true), set_config('enable_hashagg', 'off', true)
    {%- else -%}
select set_config('parallel_tuple_cost', '0', true)
    {%- endif -%}
{% endmacro %}
