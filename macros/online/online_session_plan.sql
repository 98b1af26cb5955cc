{% macro online_session_plan(command) %}
    {#- What comes first: before the lock is held, nothing that is read can be relied on. -#}
    {%- do return([
        {'kind': 'once', 'label': 'pin the session', 'sql': online_session_pins()},
        {'kind': 'once', 'label': 'one runner at a time', 'sql': take_runner_lock('session')},
        {'kind': 'once', 'label': 'define the ledger of locks', 'sql': define_ledger(command)},
    ]) -%}
{% endmacro %}
