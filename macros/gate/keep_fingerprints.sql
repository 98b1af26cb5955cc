{% macro keep_fingerprints(into) %}
    {#- The fingerprints of this moment, in a temporary table. -#}
create temporary table {{ into }} on commit drop as
select
    table_name,
    row_count,
    fingerprint_a,
    fingerprint_b,
    not_filled
from pg_temp.cms_id_fingerprints()
{% endmacro %}
