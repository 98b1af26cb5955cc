{% macro difference_rows(judged) %}
    {#- The summaries of a comparison as failing rows, with `summary`, which is all that any report says of it. `judged` has for
        each of them: subject and told (the first line), noun (rows, objects), table_name, column_name, n, of_rows, pattern, keys,
        places, verdict with its evidence, is_derived, query. A long subject is cut: number and pattern are not. -#}
select
    j.table_name,
    coalesce(nullif(j.keys, ''), j.subject) as key,
    j.column_name,
    format('no difference in %s %s', to_char(j.of_rows, 'FM999,999,999,999,990'), j.noun) as expected,
    concat_ws('; ', j.told, nullif(j.keys, '')) || '. ' || j.verdict as actual,
    jsonb_build_object(
        'line', case
            when length(j.subject) + length(j.told) > 98 then left(j.subject, greatest(95 - length(j.told), 18)) || '...'
            else j.subject
        end || ': ' || j.told,
        'table', j.table_name,
        'column', coalesce(j.column_name, ''),
        'rows', j.n,
        'of', j.of_rows,
        'pattern', j.pattern,
        'keys', j.keys,
        'places', coalesce(j.places, '{}'),
        'verdict', split_part(j.verdict, ': ', 1),
        'evidence', substr(j.verdict, strpos(j.verdict, ': ') + 2),
        'derived', j.is_derived,
        'query', j.query
    ) as summary
from {{ judged }} as j
order by j.n desc, j.subject
{% endmacro %}
