{% macro preflight_findings(tables, cms_id_type='integer', allow_update_triggers=false, open_tables=[]) %}
    {#- What the catalogue says of the tables against a migration: (finding, table_name, blocks, detail, remedy), no row if
        nothing. `blocks` is window, online, both or none. Self-contained, so that the driver asks the same. `tables` are
        those still to be migrated (name, schema, identifier, id_column, constraint), `open_tables` the names of those that
        an online migration has begun. A table that is missing or no table gives that finding alone. -#}
with recursive wanted as (
    select
        t.*,
        t.table_name = any(array[{% for name in open_tables %}{{ quote_text(name) }}{{ ', ' if not loop.last }}{% endfor %}]::text[]) as is_open
    from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
),

-- a domain is what it is made of, over several levels
base_types as (
    select
        oid as type_oid,
        typbasetype as base_oid
    from pg_catalog.pg_type
    where typtype = 'd'

    union

    select
        b.type_oid,
        t.typbasetype
    from base_types as b
    inner join pg_catalog.pg_type as t on b.base_oid = t.oid and t.typtype = 'd'
),

found as (
    select
        w.*,
        n.oid as schema_oid,
        c.oid as table_oid,
        c.relkind,
        c.relowner,
        c.reloftype,
        c.reltype,
        c.relpersistence,
        c.relispartition as is_partition,
        c.relnatts as column_numbers,
        id.attnum as id_number,
        id.attnotnull as id_not_null,
        coalesce((
            select b.base_oid
            from base_types as b
            inner join pg_catalog.pg_type as t on b.base_oid = t.oid and t.typtype <> 'd'
            where b.type_oid = id.atttypid
        ), id.atttypid)::regtype::text as id_type,
        cms_id.attnum as cms_id_number,
        format_type(cms_id.atttypid, cms_id.atttypmod) as cms_id_type,
        (
            select k.conname
            from pg_catalog.pg_constraint as k
            where k.conrelid = c.oid and k.contype = 'u' and k.conkey = array[cms_id.attnum]
            order by k.conname
            limit 1
        ) as cms_id_constraint
    from wanted as w
    left join pg_catalog.pg_namespace as n on n.nspname = w.schema_name
    left join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = w.relation_name
    left join pg_catalog.pg_attribute as id on id.attrelid = c.oid and id.attname = w.id_column and not id.attisdropped
    left join pg_catalog.pg_attribute as cms_id on cms_id.attrelid = c.oid and cms_id.attname = 'cms_id' and not cms_id.attisdropped
),

ordinary as (
    select *
    from found
    where relkind = 'r'
),

-- which type is made of which: its array, a domain over it, a composite type with an attribute of it
made_of as materialized (
    select
        oid as part_oid,
        typarray as type_oid
    from pg_catalog.pg_type
    where typarray <> 0

    union all

    select
        typbasetype,
        oid
    from pg_catalog.pg_type
    where typtype = 'd'

    union all

    select
        a.atttypid,
        c.reltype
    from pg_catalog.pg_attribute as a
    inner join pg_catalog.pg_class as c on a.attrelid = c.oid and c.relkind = 'c'
    where not a.attisdropped
),

-- the row types, and what is made of them, over several levels
row_types as (
    select
        table_oid,
        table_name,
        reltype as type_oid
    from ordinary

    union

    select
        r.table_oid,
        r.table_name,
        m.type_oid
    from row_types as r
    inner join made_of as m on r.type_oid = m.part_oid
),

findings (finding, table_name, blocks, detail, remedy) as (
    select
        f.finding,
        t.table_name,
        f.blocks,
        f.detail,
        f.remedy
    from found as t
    cross join lateral (values
        (
            'missing_table', 'both', t.table_oid is null,
            format('there is no table %I.%I', t.schema_name, t.relation_name),
            'check var registry_schema, the sources, and that this is the right database'
        ),
        (
            'not_a_table', 'both', t.relkind <> 'r',
            format('%s is %s, not an ordinary table', t.table_name, case t.relkind
                when 'p' then 'a partitioned table'
                when 'f' then 'a foreign table'
                when 'v' then 'a view'
                when 'm' then 'a materialized view'
                else 'something else'
            end),
            case
                when t.relkind = 'p'
                    then 'a unique constraint on it would have to contain the partition key, so cms_id cannot be unique there: make it an ordinary table first,'
                    || ' or take core_table: true out of its source (docs/scale.md)'
                when t.relkind in ('v', 'm') then 'name the ordinary table that it reads in the sources'
                else 'migrate the database that holds its rows, or take core_table: true out of its source'
            end
        ),
        (
            'constraint_name_long', 'both', octet_length(t.constraint_name) > 63,
            format('the name %s is longer than 63 bytes', t.constraint_name),
            'give the source a shorter name in meta constraint, or change var cms_id_constraint'
        )
    ) as f (finding, blocks, is_so, detail, remedy)
    where f.is_so

    union all

    select
        f.finding,
        o.table_name,
        f.blocks,
        f.detail,
        f.remedy
    from ordinary as o
    left join lateral (
        select string_agg(case i.inhrelid when o.table_oid then i.inhparent else i.inhrelid end::regclass::text, ', ') as names
        from pg_catalog.pg_inherits as i
        where o.table_oid in (i.inhrelid, i.inhparent)
    ) as relatives on true
    cross join lateral (values
        (
            'inherited', 'both', relatives.names is not null,
            format('%s is a partition, or inherits from or to %s', o.table_name, relatives.names),
            'a column would come and go with its relatives: first ' || case
                when o.is_partition then 'detach it (alter table ... detach partition)'
                else 'end that (alter table ... no inherit ...)'
            end
        ),
        (
            'typed_table', 'both', o.reloftype <> 0,
            format('%s is a typed table (of %s), which takes no column of its own', o.table_name, o.reloftype::regtype),
            format('alter table %I.%I not of', o.schema_name, o.relation_name)
        ),
        (
            'columns_used_up', 'both', o.column_numbers >= 1600 and o.cms_id_number is null,
            format(
                '%s has used up the 1600 columns that a table may ever have, %s of them dropped', o.table_name,
                (select count(*) from pg_catalog.pg_attribute as a where a.attrelid = o.table_oid and a.attisdropped)
            ),
            'a table made anew begins to count anew: scripts/cmsid backup --verify, then scripts/cmsid restore; if none is dropped, drop one first'
        ),
        (
            'not_owner', 'both', not pg_has_role(o.relowner, 'usage'),
            format(
                '%s belongs to %s, and %s may not act for that role', o.table_name, pg_get_userbyid(o.relowner), current_user
            ),
            'connect as the owner of the tables'
        ),
        (
            'id_missing', 'both', o.id_number is null,
            format('%s has no column %s', o.table_name, o.id_column),
            'name its primary key in meta id_column of the source'
        ),
        (
            'id_type', 'both', o.id_type not in ('smallint', 'integer', 'bigint'),
            format('%s.%s is %s, not an integer', o.table_name, o.id_column, o.id_type),
            'cms_id repeats the id, so the id must be an integer'
        ),
        (
            'id_null', 'both', not o.id_not_null,
            format('%s.%s may be NULL', o.table_name, o.id_column),
            'make it NOT NULL; a row without an id could not be told from a local one'
        ),
        (
            'id_not_unique', 'both', o.id_number is not null and not exists (
                select 1
                from pg_catalog.pg_index as i
                where
                    i.indrelid = o.table_oid
                    and i.indisunique
                    and i.indisvalid
                    and i.indimmediate
                    and i.indpred is null
                    and i.indnkeyatts = 1
                    and i.indkey[0] = o.id_number
            ),
            format('%s.%s has no unique index', o.table_name, o.id_column),
            'make it the primary key or unique'
        ),
        (
            'id_wider', 'none', o.id_type = 'bigint' and '{{ cms_id_type }}' = 'integer',
            format('%s.%s is bigint, and cms_id is to be integer', o.table_name, o.id_column),
            'set var cms_id_type to bigint if the CMS may ever give out an id beyond 2147483647'
        ),
        (
            'cms_id_exists', 'both', o.cms_id_number is not null and not o.is_open,
            format(
                '%s has a column cms_id (%s, %s) that no migration left there', o.table_name, o.cms_id_type,
                coalesce('constraint ' || o.cms_id_constraint, 'no unique constraint')
            ),
            'remove or complete it by hand'
        ),
        (
            'constraint_name_taken', 'both', not o.is_open and (
                o.constraint_name in (select c.relname from pg_catalog.pg_class as c where c.relnamespace = o.schema_oid)
                or o.constraint_name in (select k.conname from pg_catalog.pg_constraint as k where k.conrelid = o.table_oid)
            ),
            format('the name %s is taken by another object of schema %s', o.constraint_name, o.schema_name),
            'give the source another name in meta constraint, or change var cms_id_constraint'
        ),
        (
            'subscribed', 'none', o.table_oid in (select s.srrelid from pg_catalog.pg_subscription_rel as s),
            format('%s receives rows by logical replication', o.table_name),
            'rows that arrive after the cut-over have no cms_id and count as local: disable the subscription, or fill them in'
        ),
        (
            'row_security', 'both', row_security_active(o.table_oid),
            format('row level security hides rows of %s from %s', o.table_name, current_user),
            format('alter table %I.%I no force row level security for the time of the migration, or connect as a role with BYPASSRLS', o.schema_name, o.relation_name)
        )
    ) as f (finding, blocks, is_so, detail, remedy)
    where f.is_so

    union all

    select
        'row_type_used',
        o.table_name,
        'both',
        format('%s.%s has the row type of %s, so that %s cannot be rewritten', a.attrelid::regclass, a.attname, o.table_name, o.table_name),
        'give that column another type first'
    from row_types as o
    inner join pg_catalog.pg_attribute as a on o.type_oid = a.atttypid and not a.attisdropped
    inner join pg_catalog.pg_class as user_of on a.attrelid = user_of.oid and user_of.relkind in ('r', 'p', 'f', 'm')

    union all

    select distinct
        'no_create_in_schema',
        null,
        'both',
        format('%s may not create an index in schema %s', current_user, schema_name),
        format('grant create on schema %I to %I', schema_name, current_user)
    from ordinary
    where not has_schema_privilege(schema_oid, 'create')

    union all

    select
        'constraint_name_shared',
        min(f.table_name),
        'both',
        format('the name %s is to be that of more than one constraint (%s)', f.constraint_name, string_agg(f.table_name, ', ' order by f.table_name)),
        'have {table} in var cms_id_constraint, or give each source its own name in meta constraint'
    from found as f
    group by f.schema_name, f.constraint_name
    having count(*) > 1

    union all

    select
        'invalid_index',
        o.table_name,
        'window',
        format('%s has the invalid index %s, which the rewrite of the table would make valid', o.table_name, string_agg(i.indexrelid::regclass::text, ', ')),
        'drop or rebuild it first: it is what a failed concurrent build left behind'
    from ordinary as o
    inner join pg_catalog.pg_index as i on o.table_oid = i.indrelid
    where not i.indisvalid and o.cms_id_number is distinct from i.indkey[0]
    group by o.table_name

    union all

    -- a trigger for certain columns only does not fire: cms_id was none of them when it was made
    select
        'update_trigger',
        o.table_name,
        {{ "'none'" if allow_update_triggers else "'online'" }},
        format('%s has the UPDATE trigger %s, which would fire for every row', o.table_name, string_agg(t.tgname, ', ' order by t.tgname)),
        {{ "'window mode updates no row; '" if allow_update_triggers else "'use window mode, which updates no row, or set var allow_update_triggers if it may fire: '" }}
        || 'what it writes into other columns or tables stays, also after `undo`'
    from ordinary as o
    inner join pg_catalog.pg_trigger as t on o.table_oid = t.tgrelid
    where
        not t.tgisinternal
        and t.tgtype & 16 = 16
        and t.tgattr = ''
        and t.tgenabled <> 'D'
        and (t.tgenabled = 'A' or (t.tgenabled = 'R') = (current_setting('session_replication_role') = 'replica'))
    group by o.table_name

    union all

    select
        'update_rule',
        o.table_name,
        'online',
        format('%s has the rule %s on UPDATE', o.table_name, string_agg(r.rulename, ', ' order by r.rulename)),
        'use window mode, which updates no row'
    from ordinary as o
    inner join pg_catalog.pg_rewrite as r on o.table_oid = r.ev_class
    where r.ev_type = '2' and r.ev_enabled <> 'D'
    group by o.table_name

    union all

    -- PostgreSQL 18 knows constraints that are not enforced, and not-null ones that are not valid
    select
        'check_not_valid',
        o.table_name,
        'online',
        format('%s has rows for which nobody knows whether the constraint %s lets them be updated', o.table_name, string_agg(k.conname, ', ' order by k.conname)),
        'validate the constraint, or use window mode, which updates no row'
    from ordinary as o
    inner join pg_catalog.pg_constraint as k on o.table_oid = k.conrelid
    where k.contype in ('c', 'n') and not k.convalidated and coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
    group by o.table_name

    union all

    select
        'published',
        o.table_name,
        'both',
        format('%s is in the publication %s', o.table_name, string_agg(p.pubname, ', ' order by p.pubname)),
        'a new column is not replicated, and changed rows stop at a subscriber without it: ' || case
            when p.puballtables
                then 'drop the publication before the baseline, since it takes in our own tables too, which no subscriber has, and create one of the other tables'
            when r.by_name then 'take the table out of the publication first'
            else 'take its schema out of the publication first, and put the other tables in by name'
        end
    from ordinary as o
    inner join pg_catalog.pg_publication_tables as pt on o.schema_name = pt.schemaname and o.relation_name = pt.tablename
    inner join pg_catalog.pg_publication as p on pt.pubname = p.pubname
    cross join lateral (
        select exists (select 1 from pg_catalog.pg_publication_rel as m where m.prpubid = p.oid and m.prrelid = o.table_oid) as by_name
    ) as r
    group by o.table_name, p.puballtables, r.by_name
)

select
    finding,
    table_name,
    blocks,
    detail,
    remedy
from findings
order by array_position(array['both', 'online', 'window', 'none'], blocks), table_name nulls first, finding
{%- endmacro %}
