{% macro refuse_pooler(operation) %}
    {#- A pooler in transaction mode may give each transaction another server session, and what is left in one is met by the application.
        Any pooler shows: it tells libpq a process that is not the one that answers. One connection cannot tell a pooler's mode, so the
        driver, which opens two, says so in CMSID_SESSION_POOLER. -#}
    {%- set connection, cursor = adapter.add_query('select pg_catalog.pg_backend_pid()', auto_begin=false) -%}
    {%- if cursor.fetchone()[0] != connection.handle.info.backend_pid and env_var('CMSID_SESSION_POOLER', '') != 'true' -%}
        {%- do exceptions.raise_compiler_error(
            operation ~ ': a connection pooler is between here and the server, and may be in transaction mode. Nothing was changed: connect to'
            ~ ' the server itself, or, where the pool_mode is session, set CMSID_SESSION_POOLER=true.'
        ) -%}
    {%- endif -%}
{% endmacro %}
