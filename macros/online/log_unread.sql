{% macro log_unread(signal, hidden) %}
    {#- The statement that keeps in `events`, once for each run, that it fills without a signal. -#}
insert into {{ audit_relation('events') }} (event, detail)
select said.*
from (values ('without signal', {{ quote_text('filled without the signal ' ~ signal ~ ': ' ~ hidden) }})) as said (event, detail)
where not exists (
    select 1
    from {{ audit_relation('events') }} as e
    cross join {{ audit_relation('throttle') }} as t
    where (e.event, e.detail) = (said.event, said.detail) and e.happened_at >= t.began_at
)
{%- endmacro %}
