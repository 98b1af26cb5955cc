{% macro object_renames(objects) %}
    {#- Self-contained. What is gone where exactly one object of the same kind and definition came, as by a rename: (kind, name, leaf,
        to_name, to_leaf). Of two tables the columns must have the same names. `objects` is what object_families makes of them. -#}
with shaped as materialized (
    select
        o.kind,
        o.name,
        o.leaf,
        case when o.kind ~ '(table|view)$' then '' else o.parent end as parent,
        coalesce(o.was, o.now) as definition,
        o.change,
        (
            select string_agg(c.leaf, ', ' order by c.leaf)
            from {{ objects }} as c
            where c.kind = 'column' and c.parent = o.name || '.' and c.change = o.change
        ) as columns
    from {{ objects }} as o
    where o.rank < 9 and o.change <> 'defined otherwise'
)

select *
from (
    select
        m.kind,
        m.name,
        m.leaf,
        a.name as to_name,
        a.leaf as to_leaf,
        count(*) over (partition by m.kind, m.name) + count(*) over (partition by a.kind, a.name) as fits
    from shaped as m
    inner join shaped as a on m.kind = a.kind and m.parent = a.parent and m.columns is not distinct from a.columns
    where
        m.change = 'missing'
        and a.change = 'additional'
        and a.definition in (m.definition, replace(m.definition, m.leaf, a.leaf), replace(m.definition, m.name, a.name))
) as pairs
where fits = 2
{% endmacro %}
