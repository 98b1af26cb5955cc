{% macro pinned_settings() %}
    {#- Self-contained. (name, value) of every setting that changes how the server writes a value or a definition. -#}
    values
    ('search_path', 'pg_catalog, pg_temp'),
    ('DateStyle', 'ISO, MDY'),
    ('IntervalStyle', 'postgres'),
    ('TimeZone', 'UTC'),
    ('extra_float_digits', '1'),
    ('bytea_output', 'hex'),
    ('lc_monetary', 'C'),
    ('xmlbinary', 'base64'),
    ('standard_conforming_strings', 'on'),
    ('quote_all_identifiers', 'off')
{%- endmacro %}
