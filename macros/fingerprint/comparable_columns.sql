{% macro comparable_columns() %}
    {#- A catalogue query: every column of every ordinary table, with the expressions by which it is compared (with {}
        for the relation) and hashed. A value as text is what its type's output function gives, since a user can define
        another cast. A type without a hash operator class has no reliable equality either; such a column is compared as
        text. So are enums and names of objects: they are hashed by their number in the catalogue, which is another one
        in a restored database. And intervals, for which a month equals 30 days; types of extensions and texts under a
        collation that is not deterministic, for which "Ann" may equal "ANN". Where equality can be relied on but the
        hash is the same for what differs, only the hash is of the text: NaN and the infinities of numeric, an empty
        object and an empty array of jsonb, arrays whose bounds differ. Self-contained. -#}
with recursive reduced as (
    select distinct
        a.atttypid as type_oid,
        a.atttypid as step_oid
    from pg_catalog.pg_attribute as a
    inner join pg_catalog.pg_class as c on a.attrelid = c.oid
    where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p')

    union

    -- what decides about a domain, an array or a range is the type beneath
    select
        r.type_oid,
        coalesce(nullif(t.typbasetype, 0), rng.rngsubtype, nullif(t.typelem, 0))
    from reduced as r
    inner join pg_catalog.pg_type as t on r.step_oid = t.oid
    left join pg_catalog.pg_range as rng on t.oid in (rng.rngtypid, rng.rngmultitypid)
    where t.typtype in ('d', 'r', 'm') or t.typcategory = 'A'
),

hashable as (
    select r.type_oid
    from reduced as r
    inner join pg_catalog.pg_type as t on r.step_oid = t.oid
    where
        not (t.typtype in ('d', 'r', 'm') or t.typcategory = 'A')
        and t.typname !~ '^reg'
        and t.oid <> 'pg_catalog.interval'::regtype
        and t.typnamespace = 'pg_catalog'::regnamespace
        and exists (
            select 1
            from pg_catalog.pg_opclass as o
            inner join pg_catalog.pg_am as m on o.opcmethod = m.oid and m.amname = 'hash'
            where
                o.opcdefault
                and o.oid < 16384 -- the server's own: what a user's class takes for equal is theirs to say
                and (
                    o.opcintype = t.oid
                    or exists (
                        select 1
                        from pg_catalog.pg_cast as k
                        where
                            k.oid < 16384
                            and k.castsource = t.oid
                            and k.casttarget = o.opcintype
                            and k.castmethod = 'b'
                            and k.castcontext = 'i'
                    )
                )
        )
),

-- a range of numeric hashes its bounds as numeric does
exactly_hashed as (
    select h.type_oid
    from hashable as h
    where not exists (
        select 1
        from reduced as r
        inner join pg_catalog.pg_type as t on r.step_oid = t.oid
        where
            r.type_oid = h.type_oid
            and (t.typcategory = 'A' or t.oid in ('pg_catalog.numeric'::regtype, 'pg_catalog.jsonb'::regtype))
    )
)

select
    n.nspname as schema_name,
    c.relname as relation_name,
    a.attname as column_name,
    a.attnum as column_number,
    case
        when vague.oid is null and h.type_oid is not null then format('{}.%I', a.attname)
        else format('pg_catalog.textin(%I.%I({}.%I))', written.nspname, output.proname, a.attname)
    end as comparable,
    case
        when vague.oid is null and e.type_oid is not null then format('%I', a.attname)
        else format('pg_catalog.textin(%I.%I(%I))', written.nspname, output.proname, a.attname)
    end as hashed
from pg_catalog.pg_attribute as a
inner join pg_catalog.pg_class as c on a.attrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
inner join pg_catalog.pg_type as t on a.atttypid = t.oid
inner join pg_catalog.pg_proc as output on t.typoutput = output.oid
inner join pg_catalog.pg_namespace as written on output.pronamespace = written.oid
left join hashable as h on a.atttypid = h.type_oid
left join exactly_hashed as e on a.atttypid = e.type_oid
left join pg_catalog.pg_collation as vague on a.attcollation = vague.oid and not vague.collisdeterministic
where
    a.attnum > 0
    and not a.attisdropped
    and c.relkind = 'r'
    and c.relpersistence <> 't'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
{% endmacro %}
