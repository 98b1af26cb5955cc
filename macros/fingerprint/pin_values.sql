{% macro pin_values() %}
    {#- A column whose type has no hash of its own is hashed as text, and how a value is written depends on the session.
        For this transaction it is written as in every other one that takes fingerprints. -#}
do $cms_id$
begin
    perform set_config(name, setting, true)
    from (
        values
        ('TimeZone', 'UTC'),
        ('DateStyle', 'ISO, YMD'),
        ('IntervalStyle', 'postgres'),
        ('extra_float_digits', '3'),
        ('bytea_output', 'hex'),
        ('lc_monetary', 'C')
    ) as pins (name, setting);
end
$cms_id$
{%- endmacro %}
