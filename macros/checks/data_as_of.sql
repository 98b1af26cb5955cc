{% macro data_as_of() %}
    {#- A scalar expression, a text that is another once anything was written: two statements that find the same one read the same rows. A
        snapshot says which transactions it sees; what this transaction itself wrote, a crash or another server has undone, or policies
        hide from another role, is no part of it. In a sub-query, since a server asks no worker for the moment of its statistics. -#}
(select concat_ws(
    ' ',
    current_database(),
    current_user,
    extract(epoch from pg_postmaster_start_time()),
    extract(epoch from pg_stat_get_bgwriter_stat_reset_time()),
    pg_current_snapshot(),
    pg_current_xact_id_if_assigned()
))
{%- endmacro %}
