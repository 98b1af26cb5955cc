{% macro throttle_signals(audit_schema, limits=none) %}
    {#- Every signal by which filling may pause, as far as it exists here: one row for each thing that it is about. Who runs the
        migration notes its limits in `throttle`, so that whoever asks applies the same; before that they are given.
        Self-contained: the driver renders it too. -#}
    {%- set schema = quote_name(audit_schema) -%}
{{ _throttle_sources(schema, limits) }},

signals (signal, object_name, value, limit_text, is_over, reason, hidden, remedy) as (
    {{ _replica_signals() | indent(4) }}

    union all

    {{ _wal_signals() | indent(4) }}

    union all

    {{ _load_signals() | indent(4) }}
    {%- if limits is none %}

    union all

    select
        'paused',
        c.control_id::text,
        'by hand',
        '',
        true,
        c.given,
        null,
        null
    from ({{ controls_in_force(audit_schema) | indent(4) }}) as c
    where c.action = 'pause'
    {%- endif %}
)

select
    s.signal,
    s.object_name,
    s.value,
    s.limit_text,
    coalesce(s.is_over, false) or u.unreadable <> '' and not throttle.limits -> 'go_without_signals' @> to_jsonb(s.signal) as pauses,
    u.unreadable,
    coalesce(nullif(concat_ws('; ', case when s.is_over then s.reason end, nullif(u.unreadable, '')), ''), s.reason) as reason,
    s.hidden,
    u.remedy
from signals as s
cross join throttle
cross join lateral (
    select
        coalesce(format('%s (%s)', s.hidden, r.remedy), '') as unreadable,
        r.remedy
    from (select format('%s, or set var go_without_signals to [%s]', s.remedy, s.signal)) as r (remedy)
    where s.hidden is not null

    union all

    select '', ''
    where s.hidden is null
) as u
order by s.signal, s.object_name
{%- endmacro %}
