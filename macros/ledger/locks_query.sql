{% macro locks_query(audit_schema) %}
    {#- The locks that the newest plan of each command took, as people read them; `seconds` is the longest that each was held at a time,
        null while it is. Self-contained: the driver renders it. -#}
    {%- set schema = quote_name(audit_schema) -%}
select
    l.*,
    extract(epoch from coalesce(l.longest_held, l.released_at - l.taken_at))::double precision as seconds,
    extract(epoch from l.longest_wait)::double precision as wait_seconds
from {{ schema }}.locks as l
where l.began_at = (select max(newest.began_at) from {{ schema }}.locks as newest where newest.command = l.command)
{%- endmacro %}
