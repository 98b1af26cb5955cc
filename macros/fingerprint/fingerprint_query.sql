{% macro fingerprint_query(from_item, columns, mixed=false) %}
    {#- (row_count, fingerprint_a, fingerprint_b) of what stands in a FROM, over an explicit list of columns.
        A sum of bigints is exact (it is a numeric), and takes half the time of a sum of numerics. The server's hash of a record
        adds up those of its columns, so that the sum may stay the same where two rows swap a value; `mixed`, it does not. -#}
    {%- set row = 'hash_record_extended(row(' ~ columns | map(attribute='hashed') | join(', ') ~ '), {seed})' -%}
    {%- set hash = 'hashint8extended(' ~ row ~ ', {seed})' if mixed else row -%}
select
    count(*) as row_count,
    coalesce(sum({{ hash.replace('{seed}', '0') }}), 0) as fingerprint_a,
    coalesce(sum({{ hash.replace('{seed}', '1') }}), 0) as fingerprint_b
from {{ from_item }}
{%- endmacro %}
