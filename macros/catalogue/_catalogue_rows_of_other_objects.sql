{% macro _catalogue_rows_of_other_objects() %}
    {#- Objects that registries seldom have, with their catalogue row. A part of catalogue_objects. -#}
    {%- for catalogue in [
        'pg_operator', 'pg_opclass', 'pg_opfamily', 'pg_collation', 'pg_conversion', 'pg_cast', 'pg_transform', 'pg_am', 'pg_ts_dict'
    ] %}
select
    'pg_catalog.{{ catalogue }}'::regclass as class,
    x.oid,
    to_jsonb(x) as description
from pg_catalog.{{ catalogue }} as x
where x.oid >= 16384

union all
    {%- endfor %}

select
    'pg_catalog.pg_language'::regclass,
    x.oid,
    to_jsonb(x) - 'lanacl'
from pg_catalog.pg_language as x
where x.oid >= 16384

union all

select
    'pg_catalog.pg_ts_config'::regclass,
    x.oid,
    to_jsonb(x) || jsonb_build_object('maps', (
        select jsonb_agg(jsonb_build_array(m.maptokentype, m.mapseqno, m.mapdict::regdictionary) order by m.maptokentype, m.mapseqno)
        from pg_catalog.pg_ts_config_map as m
        where m.mapcfg = x.oid
    ))
from pg_catalog.pg_ts_config as x
where x.oid >= 16384
{% endmacro %}
