{% macro fingerprint_query(from_item, columns, counted=none) %}
    {#- (row_count, fingerprint_a, fingerprint_b) of what stands in a FROM, over an explicit list of columns; in the
        same pass, rows that meet a condition can be `counted`. A sum of bigints is exact (it is a numeric). The
        server's hash of a record adds up those of its columns, so that their sum may stay the same where two rows swap
        a value; each row's hash is hashed again for the first sum, which does not. The half tells it from the first sum
        of version 1.0, which did. The seed is not 0, since a NULL's hash is, and a zero's is the seed. OFFSET has the
        server hash each row once, not once a sum; as text, since it uses no workers where the number must be cast.
        `from_item` is `only` and a relation, quoted, or a query in brackets with its alias; `columns` are {hashed}.
        Self-contained. -#}
select
    count(*) as row_count,
    coalesce(sum(hashint8extended(h.row_hash, 1)), 0) + 0.5 as fingerprint_a,
    coalesce(sum(h.row_hash), 0) as fingerprint_b
    {%- if counted %},
    count(*) filter (where h.is_counted) as counted
    {%- endif %}
from (
    select hash_record_extended(row({{ columns | map(attribute='hashed') | join(', ') }}), 1) as row_hash
        {{- ',\n        ' ~ counted ~ ' as is_counted' if counted }}
    from {{ from_item }}
    offset '0'
) as h
{%- endmacro %}
