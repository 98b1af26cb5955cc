{% macro fingerprint_query(relation, columns) %}
    {#- (row_count, fingerprint_a, fingerprint_b) of one relation over an explicit list of columns.
        A sum of bigints is exact (it is a numeric), and takes half the time of a sum of numerics. -#}
    {%- set row = 'row(' ~ columns | map(attribute='hashed') | join(', ') ~ ')' -%}
select
    count(*) as row_count,
    coalesce(sum(hash_record_extended({{ row }}, 0)), 0) as fingerprint_a,
    coalesce(sum(hash_record_extended({{ row }}, 1)), 0) as fingerprint_b
from only {{ relation }}
{%- endmacro %}
