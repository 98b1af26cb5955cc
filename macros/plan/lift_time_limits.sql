{% macro lift_time_limits() %}
    {#- What the server, the database or the role may end a long transaction by, lifted for this one: steps of a plan. Not every
        major knows transaction_timeout. -#}
    {%- set others -%}
select set_config(name, '0', true)
from pg_catalog.pg_settings
where name in ('transaction_timeout', 'idle_in_transaction_session_timeout')
    {%- endset -%}
    {%- do return([
        {'label': 'limit statements', 'sql': 'set local statement_timeout = 0'},
        {'label': 'limit the transaction', 'sql': others},
    ]) -%}
{% endmacro %}
