{% macro _catalogue_rows_of_other_objects() %}
    {#- Objects that registries seldom have, with their catalogue row: an object that it refers to by number is given by name,
        as a restored database numbers anew. The schema is in the object's own name, and a collation's version is the machine's. A part of catalogue_objects. -#}
    {%- set owners, routines, types, operators = 'pg_authid', 'pg_proc', 'pg_type', 'pg_operator' -%}
    {%- for catalogue, left_out, references in [
        ('pg_operator', 'oid,oprnamespace', {
            'oprowner': owners, 'oprleft': types, 'oprright': types, 'oprresult': types, 'oprcom': operators, 'oprnegate': operators,
            'oprcode': routines, 'oprrest': routines, 'oprjoin': routines
        }),
        ('pg_opclass', 'oid,opcnamespace', {
            'opcowner': owners, 'opcmethod': 'pg_am', 'opcfamily': 'pg_opfamily', 'opcintype': types, 'opckeytype': types
        }),
        ('pg_opfamily', 'oid,opfnamespace', {'opfowner': owners, 'opfmethod': 'pg_am'}),
        ('pg_collation', 'oid,collnamespace,collversion', {'collowner': owners}),
        ('pg_conversion', 'oid,connamespace', {'conowner': owners, 'conproc': routines}),
        ('pg_cast', 'oid', {'castsource': types, 'casttarget': types, 'castfunc': routines}),
        ('pg_transform', 'oid', {'trftype': types, 'trflang': 'pg_language', 'trffromsql': routines, 'trftosql': routines}),
        ('pg_am', 'oid', {'amhandler': routines}),
        ('pg_ts_dict', 'oid,dictnamespace', {'dictowner': owners, 'dicttemplate': 'pg_ts_template'}),
        ('pg_language', 'oid,lanacl', {'lanowner': owners, 'lanplcallfoid': routines, 'laninline': routines, 'lanvalidator': routines}),
        ('pg_ts_config', 'oid,cfgnamespace', {'cfgowner': owners, 'cfgparser': 'pg_ts_parser'}),
    ] %}
select
    'pg_catalog.{{ catalogue }}'::regclass as class,
    x.oid,
    to_jsonb(x) - '{{ '{' ~ left_out ~ '}' }}'::text [] || jsonb_build_object(
        {%- for key, referred in references.items() %}
        '{{ key }}', (pg_identify_object('pg_catalog.{{ referred }}'::regclass, x.{{ key }}, 0)).identity{{ ',' if not loop.last }}
        {%- endfor %}
        {%- if catalogue == 'pg_ts_config' %},
        'maps', (
            select jsonb_agg(jsonb_build_array(m.maptokentype, m.mapseqno, m.mapdict::regdictionary) order by m.maptokentype, m.mapseqno)
            from pg_catalog.pg_ts_config_map as m
            where m.mapcfg = x.oid
        )
        {%- endif %}
    ) as description
from pg_catalog.{{ catalogue }} as x
where x.oid >= 16384
        {{- '\n\nunion all\n' if not loop.last }}
    {%- endfor %}
{% endmacro %}
