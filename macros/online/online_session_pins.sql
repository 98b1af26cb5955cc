{% macro online_session_pins() %}
    {#- Beyond what all our sessions have: no timeout may end a concurrent index build, and the session must end soon after its client
        was killed, or the next run finds it in the way. What it writes goes to the disk in small portions: the application's commits
        wait behind what the system has put off. -#}
{{ session_pins(local=false, names='application') }};
do $cms_id$
begin
    perform set_config('lock_timeout', '0', false);
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
