{% macro time_shift(seconds) %}
    {#- An expression: a number of seconds in words, later or earlier; with a remark where time zones lie so far apart. -#}
case
    when abs({{ seconds }}) % 86400 = 0 then trim_scale(abs({{ seconds }}) / 86400)::text || case when abs({{ seconds }}) = 86400 then ' day' else ' days' end
    when abs({{ seconds }}) % 3600 = 0 then trim_scale(abs({{ seconds }}) / 3600)::text || case when abs({{ seconds }}) = 3600 then ' hour' else ' hours' end
    else make_interval(secs => abs({{ seconds }})::double precision)::text
end || case when {{ seconds }} > 0 then ' later' else ' earlier' end
|| case when abs({{ seconds }}) % 900 = 0 and abs({{ seconds }}) <= 50400 then ', as by a time zone' else '' end
{%- endmacro %}
