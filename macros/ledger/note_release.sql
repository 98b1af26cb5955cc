{% macro note_release() %}
    {#- The statement after the commit: what was noted is released. -#}
update {{ audit_relation('locks') }}
set released_at = clock_timestamp()
where began_at = nullif(current_setting('cms_id.ledger', true), '')::timestamptz and released_at is null
{%- endmacro %}
