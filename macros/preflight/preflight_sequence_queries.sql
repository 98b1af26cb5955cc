{% macro preflight_sequence_queries(tables, allow_sequences_behind=false) %}
    {#- A catalogue query: one ready statement per sequence of the core tables, whose row, if there is one, is a finding as
        preflight_findings has them: a sequence that gives out an id that is taken makes the first local insert fail, and
        the migration would get the blame. Self-contained. -#}
select format(
    $finding$select
    'sequence_behind' as finding,
    table_name,
    {{ "'none'" if allow_sequences_behind else "'both'" }} as blocks,
    format('%%s.%%s: expected %%s, found %%s', table_name, column_name, expected, actual) as detail,
    'set it with setval(), or set var allow_sequences_behind if no row is ever created here' as remedy
from (%s) as differences$finding$,
    q.sequence_query
) as finding_query
from ({{ sequence_queries(tables) }}) as q
{%- endmacro %}
