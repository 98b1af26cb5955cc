{% macro pin_session() %}
    {#- What the role or the database may have set otherwise. No timeout may end a concurrent index build, row security must
        raise and not hide rows, and the session must end soon after its client was killed, or the next run finds it in the way.
        What it writes goes to the disk in small portions: the application's commits wait behind what the system has put off. -#}
do $cms_id$
begin
    perform set_config(name, '0', false)
    from pg_catalog.pg_settings
    where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout');
    perform set_config('row_security', 'off', false);
    perform set_config('default_tablespace', '', false); -- an index is where the database has them
    perform set_config('quote_all_identifiers', 'off', false);
    perform set_config('default_transaction_isolation', 'read committed', false);
    perform set_config('application_name', 'cms_id online migration', false);
    begin
        perform set_config('client_connection_check_interval', '500ms', false);
    exception when others then
        null; -- the server's platform cannot tell
    end;
    begin
        perform set_config('backend_flush_after', '2MB', false);
    exception when others then
        null; -- the server's platform leaves that to its system
    end;
end
$cms_id$
{% endmacro %}
