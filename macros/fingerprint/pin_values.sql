{% macro pin_values() %}
    {#- A column whose type has no hash of its own is hashed as text, and how a value is written depends on the session,
        as does how a name is quoted. For this transaction it is written as in every other one that takes fingerprints. -#}
do $cms_id$
begin
    perform set_config(name, setting, true)
    from ({{ value_settings() }}) as pins (name, setting);
end
$cms_id$
{%- endmacro %}
