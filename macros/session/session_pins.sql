{% macro session_pins(local=true, names='pg_catalog', row_security='off') %}
    {#- Self-contained. Pins session_settings, for the transaction (once: what it sets itself later stays) or for the session. It is what
        comes first, so it uses no operator, and no function but pg_catalog's, whatever search_path has in front of them. A setting that
        this server does not know is left out.
        Names are looked up in pg_catalog alone; or (names='application') there first and then where the session has them, for
        statements that may run triggers and functions of the application's.
        Where policies hide rows from this role, reading them is an error, or (row_security='kept') what the session has it be. -#}
    {%- if local -%}
set local transaction_isolation = 'read committed';
    {%- endif %}
select
    pg_catalog.set_config('cms_id.pinned', 'yes', {{ local | lower }}) as is_pinned,
    pg_catalog.count(pg_catalog.set_config(s.name, case
        when pg_catalog.texteq(s.name, 'row_security') then {{ "'off'" if row_security == 'off' else "pg_catalog.current_setting('row_security')" }}
        {%- if names == 'application' %}
        when pg_catalog.texteq(s.name, 'search_path') then pg_catalog.array_to_string(array(
            select pg_catalog.quote_ident(n.name)
            from pg_catalog.unnest(pg_catalog.current_schemas(false)) as n (name)
            where pg_catalog.namene(n.name, 'pg_catalog')
        ), ', ')
        {%- endif %}
        else s.value
    end, {{ local | lower }})) as pins
from ({{ session_settings() }}) as s (name, value)
where
    pg_catalog.current_setting(s.name, true) is not null
    {%- if local %}
    and pg_catalog.textne(coalesce(pg_catalog.current_setting('cms_id.pinned', true), ''), 'yes')
    {%- endif %}
{%- endmacro %}
