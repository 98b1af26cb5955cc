{% macro session_settings() %}
    {#- Self-contained. (name, value) of every setting that a server, a database or a role may have otherwise and that matters here:
        how values are written, and what would end, hide, refuse or (jit, where the server expects that every row differs) delay our work. No lock that somebody else holds is waited for for ever. -#}
    {{- value_settings() }},
    ('statement_timeout', '0'),
    ('transaction_timeout', '0'),
    ('idle_in_transaction_session_timeout', '0'),
    ('idle_session_timeout', '0'),
    ('lock_timeout', '60s'),
    ('default_transaction_isolation', 'read committed'),
    ('default_transaction_read_only', 'off'),
    ('default_transaction_deferrable', 'off'),
    ('default_tablespace', ''),
    ('row_security', 'off'),
    ('jit', 'off'),
    ('synchronous_commit', 'on')
{%- endmacro %}
