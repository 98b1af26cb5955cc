{% macro _constraint_objects() %}
    {#- Constraints of tables and domains, with whether they are enforced. A part of catalogue_objects. -#}
select
    'constraint',
    coalesce(r.relation_name, t.type_name) || '.' || quote_ident(k.conname),
    concat_ws(
        ', ',
        pg_get_constraintdef(k.oid),
        case when k.coninhcount > 0 then case when k.conislocal then 'inherited and local' else 'inherited' end end,
        'not enforced: ' || d.how_many::text || ' of its triggers disabled or changed'
    )
from pg_catalog.pg_constraint as k
left join relations as r on k.conrelid = r.oid
left join types as t on k.contypid = t.oid
left join disabled_triggers as d on k.oid = d.tgconstraint
where k.contype <> 't' and coalesce(r.oid, t.oid) is not null
{% endmacro %}
