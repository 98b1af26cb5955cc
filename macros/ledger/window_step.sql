{% macro window_step(words) %}
    {#- A query that says, for all who look at the sessions, where the transaction is that has locked the tables, since when, and until when
        at most. A name has at most 63 characters. -#}
select set_config('application_name', format(
    'cms_id {{ words }}, locked at %s UTC{% if var('window_budget') %}, to %s UTC{% endif %}',
    to_char(l.since at time zone 'UTC', 'HH24:MI:SS'){% if var('window_budget') %},
    to_char((l.since + {{ quote_text(var('window_budget')) }}::interval) at time zone 'UTC', 'HH24:MI:SS'){% endif %}

), true) as step
from (select current_setting('cms_id.locked_since')::timestamptz as since) as l
{%- endmacro %}
