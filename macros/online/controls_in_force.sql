{% macro controls_in_force(audit_schema) %}
    {#- What people ask of the online migration that is open: each pause since the last resume, and the last pace. The later row is
        the one with the higher number. `given` says by whom, when and why. Self-contained: the driver says the same. -#}
    {%- set schema = quote_name(audit_schema) -%}
select
    c.*,
    format(
        'by %s at %s UTC%s',
        c.session_role || coalesce(format(' (%s)', nullif(c.os_user, '')), ''),
        to_char(c.happened_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
        coalesce(': ' || nullif(rtrim(regexp_replace(c.why, '[[:cntrl:][:space:]]+', ' ', 'g'), ' .'), ''), '')
    ) as given
from {{ schema }}.controls as c
where
    c.action <> 'resume'
    and c.migration_id = ({{ open_migration_query(audit_schema) | indent(4) }})
    and not exists (
        select 1
        from {{ schema }}.controls as later
        where
            later.migration_id = c.migration_id
            and later.control_id > c.control_id
            and later.action = case c.action when 'pause' then 'resume' else c.action end
    )
{%- endmacro %}
