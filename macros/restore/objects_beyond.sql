{% macro objects_beyond() %}
    {#- A query of what this session's role can neither own nor make anew: (classid, objid), outside extensions. Self-contained. -#}
with {{ _whats_whose() }}

select
    o.classid,
    o.objid
from owned as o
cross join me
where not (pg_has_role(o.owner, me.becoming) and pg_has_role(o.owner, 'USAGE'))

union

select
    s.classid,
    s.objid
from superusers as s
cross join me
left join members as m on s.classid = m.classid and s.objid = m.objid
where m.objid is null and s.objid >= 16384 and not me.rolsuper
{%- endmacro %}
