{% macro note_throttle() %}
    {#- The statement that notes what this run's throttle goes by, for it and for whoever asks how things stand. -#}
insert into {{ audit_relation('throttle') }} (began_at, limits)
values (clock_timestamp(), {{ quote_text(throttle_limits()) }})
on conflict (only_row) do update set began_at = excluded.began_at, limits = excluded.limits
{%- endmacro %}
