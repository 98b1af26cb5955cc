{% macro end_vacuum() %}
    {#- The plpgsql with which an attempt begins that met an autovacuum (`vacuumed`) before. The server ends one for
        whoever has waited for longer than deadlock_timeout. No reader or writer queues behind this lock, and nothing
        else is held yet, so that nobody can be in a deadlock with it. An autovacuum against wraparound is never ended:
        waited for once. `in_vain` says whether it did not. -#}
if vacuumed is not null then
    in_vain := true;
    perform set_config('lock_timeout', format('%sms', 2 * setting::integer), true) from pg_catalog.pg_settings where name = 'deadlock_timeout';
    execute 'lock table ' || vacuumed || ' in share update exclusive mode';
    in_vain := false;
    perform set_config('lock_timeout', '0', true); -- whoever locks next sets a limit of its own
end if;
{%- endmacro %}
