{% macro value_settings() %}
    {#- Self-contained. (name, value) of every setting that changes how the server writes a value or a definition as text. -#}
    values
    ('search_path', 'pg_catalog, pg_temp'),
    ('TimeZone', 'UTC'),
    ('DateStyle', 'ISO, YMD'),
    ('IntervalStyle', 'postgres'),
    ('extra_float_digits', '3'),
    ('bytea_output', 'hex'),
    ('lc_monetary', 'C'),
    ('quote_all_identifiers', 'off'),
    ('xmlbinary', 'base64'),
    ('xmloption', 'content'),
    ('standard_conforming_strings', 'on')
{%- endmacro %}
