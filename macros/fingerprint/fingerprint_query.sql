{% macro fingerprint_query(relation, columns) %}
    {#- (row_count, fingerprint_a, fingerprint_b) of one relation over an explicit list of columns. -#}
    {%- set row = 'row(' ~ columns | map(attribute='comparable') | join(', ') ~ ')' -%}
select
    count(*) as row_count,
    coalesce(sum(hash_record_extended({{ row }}, 0)::numeric), 0) as fingerprint_a,
    coalesce(sum(hash_record_extended({{ row }}, 1)::numeric), 0) as fingerprint_b
from only {{ relation }}
{%- endmacro %}
