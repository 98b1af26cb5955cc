{% macro _foreign_data_objects() %}
    {#- Foreign data wrappers, servers and user mappings. A part of catalogue_objects. -#}
select
    'foreign data wrapper',
    quote_ident(w.fdwname),
    concat_ws(
        ', ', 'owner ' || pg_get_userbyid(w.fdwowner), nullif(w.fdwhandler, 0)::regproc::text,
        nullif(w.fdwvalidator, 0)::regproc::text, array_to_string(w.fdwoptions, ' ')
    )
from pg_catalog.pg_foreign_data_wrapper as w

union all

select
    'foreign server',
    quote_ident(s.srvname),
    concat_ws(
        ', ', 'owner ' || pg_get_userbyid(s.srvowner), w.fdwname, s.srvtype, s.srvversion, array_to_string(s.srvoptions, ' ')
    )
from pg_catalog.pg_foreign_server as s
inner join pg_catalog.pg_foreign_data_wrapper as w on s.srvfdw = w.oid

union all

-- its options hold passwords, and are not shown to everyone
select
    'user mapping',
    quote_ident(u.srvname) || ' ' || coalesce(quote_ident(u.usename), 'PUBLIC'),
    'mapped'
from pg_catalog.pg_user_mappings as u
{% endmacro %}
