{% macro shared_pattern() %}
    {#- What all rows of a group have in common, as an expression over the columns that difference_summaries reads: named only
        where it holds for every row, and without any value, since it may be somebody's. -#}
    {%- set all_rows = 'bool_and(coalesce({}, false))' -%}
case
    when row_change = 'the row is missing' then 'missing'
    when row_change is not null then 'additional'
    when count(now) = 0 then 'NULL now'
    when count(was) = 0 then 'NULL before'
    when max(now) = '' and count(now) = count(*) then 'empty now'
    when count(*) = 2 and count(was) = 2 and count(now) = 2 and min(was) = min(now) and max(was) = max(now)
        then 'swapped between the two rows'
    when {{ all_rows.format('now_number = was_number') }} then 'the same number, written otherwise'
    when count(step) = count(*) and min(step) = max(step)
        then 'all ' || case when min(step) > 0 then '+' else '' end || trim_scale(min(step))::text
    when {{ all_rows.format('now_number = -was_number') }} then 'the sign turned round'
    when {{ all_rows.format('now_number = round(was_number)') }} then 'rounded to whole numbers'
    when {{ all_rows.format('now_number = trunc(was_number)') }} then 'cut to whole numbers'
    when {{ all_rows.format('now_number = round(was_number, 1)') }} then 'rounded to one decimal'
    when {{ all_rows.format('now_number = round(was_number, 2)') }} then 'rounded to two decimals'
    when count(shift) = count(*) and min(shift) = max(shift)
        then 'all ' || {{ time_shift('extract(epoch from min(shift))') }}
    when {{ all_rows.format("now_moment = date_trunc('day', was_moment)") }} then 'the time of day lost'
    when count(*) > 1 and count(now) = count(*) and min(now) = max(now) then 'the same value now'
    when {{ all_rows.format("was in ('true', 'false') and now in ('true', 'false')") }} then 'true and false turned round'
    when {{ all_rows.format("length(now) < length(was) and now = btrim(was, E' \t\n\r')") }} then 'trimmed'
    when {{ all_rows.format("length(now) > length(was) and was = btrim(now, E' \t\n\r')") }} then 'blanks added'
    when {{ all_rows.format('now_number is null and length(now) = length(was) and now = upper(was collate "default")') }} then 'in capitals now'
    when {{ all_rows.format('now_number is null and length(now) = length(was) and now = lower(was collate "default")') }} then 'in small letters now'
    when {{ all_rows.format('now_number is null and length(now) = length(was) and lower(now collate "default") = lower(was collate "default")') }} then 'in other case'
    when {{ all_rows.format('starts_with(was, now)') }} then 'cut off'
        || case when min(length(now)) = max(length(now)) then ' after ' || min(length(now))::text || ' characters' else '' end
    when count(*) > 1 then 'no pattern in common'
    else 'changed'
end
{%- endmacro %}
