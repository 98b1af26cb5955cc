{% macro window_step_words() %}
    {#- An SQL expression of what window_step has said in the session `a`, as of now; empty if nothing. Self-contained. -#}
coalesce((
    select
        format('%s, locked for %s s', s.said[1], mod(extract(epoch from s.clock - s.said[2]::time)::integer + 86400, 86400))
        || coalesce(format(', %s s left', mod(extract(epoch from s.said[3]::time - s.clock)::integer + 86400, 86400)), '')
    from (
        select
            regexp_match(a.application_name, '^cms_id (.*), locked at (\S+) UTC(?:, to (\d\d:\d\d:\d\d))?') as said,
            (clock_timestamp() at time zone 'UTC')::time as clock
    ) as s
    where s.said is not null
), '')
{%- endmacro %}
