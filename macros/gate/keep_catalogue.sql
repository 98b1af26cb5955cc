{% macro keep_catalogue(into) %}
    {#- The catalogue of this moment, in a temporary table. -#}
create temporary table {{ into }} on commit drop as
select
    object,
    object_kind,
    object_name,
    definition
from pg_temp.cms_id_catalogue()
{% endmacro %}
