{% macro fingerprint_differences(before, after) %}
    {#- Between two temporary tables of fingerprints: tables whose rows, cms_id aside, are no longer what they were. -#}
select
    coalesce(b.table_name, a.table_name) as table_name,
    null::text as key,
    'rows'::text as column_name,
    format('%s rows, fingerprint %s', b.row_count, b.fingerprint_a) as expected,
    format('%s rows, fingerprint %s', a.row_count, a.fingerprint_a) as actual
from {{ before }} as b
full join {{ after }} as a on b.table_name = a.table_name
where (b.row_count, b.fingerprint_a, b.fingerprint_b) is distinct from (a.row_count, a.fingerprint_a, a.fingerprint_b)
{% endmacro %}
