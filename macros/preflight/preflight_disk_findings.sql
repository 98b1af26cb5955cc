{% macro preflight_disk_findings(tables, free_space, min_disk_free='0 MB') %}
    {#- Whether the disk has room for either mode, where somebody knows how much of it is free: SQL does not. `free_space` is
        a text that pg_size_bytes understands, or empty;
        online mode pauses where less is left than `min_disk_free`.
        Self-contained. -#}
select
    'disk' as finding,
    null::text as table_name,
    case when window_bytes <= free then 'online' when online_bytes <= free then 'window' else 'both' end as blocks,
    format(
        'the server''s disk has %s free; window mode needs about %s, online mode %s',
        pg_size_pretty(free), pg_size_pretty(window_bytes), pg_size_pretty(online_bytes)
    ) as detail,
    'make room on it, with as much again for the baseline and the write-ahead log' as remedy
from (
    select
        pg_size_bytes({{ quote_text(free_space or '0') }}) as free,
        sum(window_disk_bytes)::bigint as window_bytes,
        sum(online_disk_bytes)::bigint + pg_size_bytes({{ quote_text(min_disk_free) }}) as online_bytes
    from ({{ migration_sizes(tables) }}) as sizes
) as needs
where {{ 'true' if free_space else 'false' }} and free < greatest(window_bytes, online_bytes)
{%- endmacro %}
