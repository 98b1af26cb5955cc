{% macro preflight_signal_findings(audit_schema, go_without_signals) %}
    {#- Signals by which online mode would pause and that this role cannot read: it would fill blindly. Self-contained. -#}
select
    'signal_unreadable' as finding,
    null::text as table_name,
    case when pauses then 'online' else 'none' end as blocks,
    hidden as detail,
    remedy
from ({{ throttle_signals(audit_schema, '{"go_without_signals": ' ~ go_without_signals | tojson ~ '}') }}) as signals
where unreadable <> ''
{%- endmacro %}
