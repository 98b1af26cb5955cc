{% macro fingerprint_queries() %}
    {#- A catalogue query: per ordinary table its columns and one ready statement that yields (row_count, fingerprint_a,
        fingerprint_b). Two sums of hashes: the order of rows does not matter, equal rows do not cancel, and a column
        that is added later is not in the list. Self-contained. -#}
with comparable_columns as (
    {{ comparable_columns() }}
)

select
    schema_name,
    relation_name,
    array_agg(column_name::text order by column_number) as column_names,
    format(
        $query${{ fingerprint_query('only %2$I.%3$I', [{'hashed': '%1$s'}]) }}$query$,
        string_agg(hashed, ', ' order by column_number), schema_name, relation_name
    ) as fingerprint_query
from comparable_columns
group by schema_name, relation_name
{% endmacro %}
