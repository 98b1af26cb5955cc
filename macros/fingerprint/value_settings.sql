{% macro value_settings() %}
    {#- Self-contained. (name, value) of every setting that changes how the server writes a value as text. The driver's PINS
        are the same and the client's encoding, which changes how a text is sent and not what it is. -#}
    values
    ('search_path', ''),
    ('TimeZone', 'UTC'),
    ('DateStyle', 'ISO, YMD'),
    ('IntervalStyle', 'postgres'),
    ('extra_float_digits', '3'),
    ('bytea_output', 'hex'),
    ('lc_monetary', 'C'),
    ('quote_all_identifiers', 'off'),
    ('xmloption', 'content')
{%- endmacro %}
