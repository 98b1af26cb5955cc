{% macro budget_limits() %}
    {#- What is left of window_budget since the first lock, as limits that the server keeps. The limit of the whole transaction
        (PostgreSQL 17) ends the session, so it comes a second after the one of the statement, which says where. -#}
select
    set_config('statement_timeout', l.milliseconds::text, true) as statement_limit,
    set_config('idle_in_transaction_session_timeout', l.milliseconds::text, true) as idle_limit,
    case
        when current_setting('transaction_timeout', true) is not null
            then set_config('transaction_timeout', (l.milliseconds + 1000)::text, true)
    end as transaction_limit
from (
    select
        least({{ 2 ** 31 - 1001 }}, greatest(1, extract(epoch from {{ quote_text(var('window_budget')) }}::interval
            - (clock_timestamp() - current_setting('cms_id.locked_since')::timestamptz)) * 1000))::integer as milliseconds
) as l
{%- endmacro %}
