{% macro foreign_key_orphan_queries(tables) %}
    {#- A catalogue query: one ready statement for all foreign keys of a table that is a core table or refers to one, whether the
        server enforces them or not, so that the table is read once. It compares as the server does: the key's own operators, MATCH
        SIMPLE and FULL, PERIOD. Where this role does not see every row of both tables of a key, a statement says that instead. -#}
with core as (
    select to_regclass(format('%I.%I', schema_name, relation_name)) as oid
    from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
),

foreign_keys as (
    select
        k.oid,
        k.conname,
        k.conrelid,
        k.confrelid,
        k.confmatchtype,
        -- came with PostgreSQL 18
        coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false) as has_period
    from pg_catalog.pg_constraint as k
    where
        k.contype = 'f'
        and k.conparentid = 0
        and (k.conrelid in (select oid from core) or k.confrelid in (select oid from core))
),

relations as (
    select
        c.oid,
        case when c.relkind = 'p' then '' else 'only ' end || format('%I.%I', n.nspname, c.relname) as from_item,
        case when n.nspname = {{ quote_text(var('registry_schema')) }} then '' else n.nspname || '.' end || c.relname as readable,
        {{ is_read_whole('c.oid', 'n.oid') }} as is_whole,
        (
            select string_agg(format('c.%I::text', a.attname), $q$ || ', ' || $q$ order by p.position)
            from pg_catalog.pg_index as i
            cross join lateral unnest(i.indkey) with ordinality as p (attnum, position)
            inner join pg_catalog.pg_attribute as a on i.indrelid = a.attrelid and p.attnum = a.attnum
            where i.indrelid = c.oid and i.indisprimary
        ) as primary_key
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
),

pairs as (
    select
        f.oid,
        p.position,
        f.has_period and p.position = cardinality(k.conkey) as is_period,
        child.attname as child_name,
        format('c.%I', child.attname) as child_column,
        format('p%s.%I', f.oid, parent.attname) as parent_column,
        format('operator(%I.%s)', n.nspname, o.oprname) as equals
    from foreign_keys as f
    inner join pg_catalog.pg_constraint as k on f.oid = k.oid
    cross join lateral unnest(k.conkey, k.confkey, k.conpfeqop) with ordinality as p (child_number, parent_number, operator_oid, position)
    inner join pg_catalog.pg_attribute as child on f.conrelid = child.attrelid and p.child_number = child.attnum
    inner join pg_catalog.pg_attribute as parent on f.confrelid = parent.attrelid and p.parent_number = parent.attnum
    left join pg_catalog.pg_operator as o on p.operator_oid = o.oid
    left join pg_catalog.pg_namespace as n on o.oprnamespace = n.oid
),

parts as (
    select
        oid,
        string_agg(child_name, ', ' order by position) as child_names,
        string_agg(format($q$coalesce(%s::text, 'NULL')$q$, child_column), $q$ || ', ' || $q$ order by position) as child_values,
        string_agg(child_column || ' is not null', ' and ' order by position) as all_given,
        string_agg(child_column || ' is not null', ' or ' order by position) as some_given,
        coalesce(string_agg(parent_column || ' ' || equals || ' ' || child_column, ' and ' order by position) filter (where not is_period), 'true') as matches,
        min(parent_column) as parent_found,
        max(child_column) filter (where is_period) as child_period,
        max(parent_column) filter (where is_period) as parent_period
    from pairs
    group by oid
),

keys as (
    select
        f.conname,
        child.readable as child,
        child.from_item as child_item,
        child.primary_key,
        parts.child_names,
        format('a row of %s (foreign key %s)', parent.readable, f.conname) as expected,
        format($q$%L || %s || ')'$q$, format('no row of %s for (', parent.readable), parts.child_values) as actual,
        format('(%s)', case f.confmatchtype when 'f' then parts.some_given else parts.all_given end) || ' and ' || case
            when f.has_period then format(
                'not coalesce(%s <@ (select range_agg(%s) from %s as p%s where %s), false)',
                parts.child_period, parts.parent_period, parent.from_item, f.oid, parts.matches
            )
            else parts.parent_found || ' is null'
        end as is_broken,
        -- what a key refers to is unique, so no row is joined twice
        case when not f.has_period then format('left join %s as p%s on %s', parent.from_item, f.oid, parts.matches) end as joined,
        case
            when not (child.is_whole and parent.is_whole) then format(
                'role %s may not read %s, or not every row: grant select, or bypassrls', current_user,
                concat_ws(' and ', case when not child.is_whole then child.readable end,
                    case when not parent.is_whole then nullif(parent.readable, child.readable) end)
            )
        end as unread
    from foreign_keys as f
    inner join parts on f.oid = parts.oid
    inner join relations as child on f.conrelid = child.oid
    inner join relations as parent on f.confrelid = parent.oid
)

select
    child as table_name,
    format(
        -- the rows are counted only where there are orphans: beside the join, the server would count them before it has workers join
        $q$(with orphan as materialized (
    select
        %s as key,
        broken.column_name,
        broken.expected,
        broken.actual
    from %s as c
    %s
    cross join lateral (
        %s
    ) as broken
    where %s
)

select
    %L::text as table_name,
    orphan.key,
    orphan.column_name,
    orphan.expected,
    orphan.actual,
    (select count(*) from %s) as of_rows
from orphan)$q$,
        coalesce(primary_key, $k$'ctid ' || c.ctid::text$k$),
        child_item,
        string_agg(joined, e'\n    ' order by conname),
        string_agg(
            format('select %L::text as column_name, %L::text as expected, %s as actual where %s', child_names, expected, actual, is_broken),
            e'\n        union all\n        ' order by conname
        ),
        string_agg(format('(%s)', is_broken), ' or ' order by conname),
        child,
        child_item
    ) as orphan_query
from keys
where unread is null
group by child, child_item, primary_key

union all

select
    child as table_name,
    format(
        $q$select %L::text as table_name, null::text as key, %L::text as column_name, %L::text as expected, %L::text as actual, null::bigint as of_rows$q$,
        child, child_names, expected, unread
    ) as orphan_query
from keys
where unread is not null
order by table_name
{% endmacro %}
