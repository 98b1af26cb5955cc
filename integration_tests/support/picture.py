"""What a database holds, read with queries of the tests' own, so that two moments can be compared from outside.

A picture is {what: value}: every row of every table (a hash each), every column, constraint, index, trigger, rule,
policy, function, type, view, sequence, comment, owner and grant. Two equal pictures are two equal databases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from support.registry import SUPERUSER

if TYPE_CHECKING:
    from support.registry import Registry

Picture = dict[tuple[str, str], str]

_OBJECTS = """
with namespaces as (
    select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
)
select 'schema', nspname::text,
    concat_ws('|', nspowner::regrole, array(select unnest(coalesce(nspacl, acldefault('n', nspowner)))::text order by 1)::text)
from pg_namespace join namespaces using (oid, nspname)
union all
select 'relation', format('%I.%I', nspname, relname),
    concat_ws('|', relkind, relowner::regrole, array(select unnest(relacl)::text order by 1)::text,
        relrowsecurity, relforcerowsecurity, relpersistence,
        reloptions::text, case when relkind = 'v' then pg_get_viewdef(c.oid) end)
from pg_class as c join namespaces as n on relnamespace = n.oid
where relkind not in ('i', 'I')
union all
select 'column', format('%I.%I.%I', nspname, relname, attname),
    concat_ws('|', format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, attcollation::regcollation, attacl::text,
        pg_get_expr(adbin, adrelid))
from pg_attribute as a
join pg_class as c on attrelid = c.oid
join namespaces as n on relnamespace = n.oid
left join pg_attrdef on adrelid = attrelid and adnum = attnum
where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'v', 'm', 'f')
union all
select 'constraint', format('%s.%I', conrelid::regclass, conname),
    concat_ws('|', contype, convalidated, condeferrable, condeferred, pg_get_constraintdef(k.oid))
from pg_constraint as k join namespaces as n on connamespace = n.oid
where conrelid <> 0
union all
select 'index', indexrelid::regclass::text, concat_ws('|', indisvalid, indisready, pg_get_indexdef(indexrelid))
from pg_index join pg_class as c on indexrelid = c.oid join namespaces as n on relnamespace = n.oid
union all
select 'trigger', format('%s.%I', tgrelid::regclass, tgname), concat_ws('|', tgenabled, pg_get_triggerdef(t.oid))
from pg_trigger as t
where not tgisinternal
union all
-- of the triggers behind foreign keys, whose names are numbers, whether they are switched on
select 'internal triggers', tgrelid::regclass::text, string_agg(tgenabled::text, '' order by tgfoid, tgconstraint)
from pg_trigger
where tgisinternal
group by tgrelid
union all
select 'event trigger', evtname::text, concat_ws('|', evtevent, evtenabled, evtfoid::regproc) from pg_event_trigger
union all
select 'rule', format('%s.%I', ev_class::regclass, rulename), pg_get_ruledef(oid)
from pg_rewrite
where rulename <> '_RETURN'
union all
select 'policy', format('%s.%I', polrelid::regclass, polname), concat_ws('|', polcmd, pg_get_expr(polqual, polrelid))
from pg_policy
union all
select 'function', p.oid::regprocedure::text, concat_ws('|', proowner::regrole, proacl::text, pg_get_functiondef(p.oid))
from pg_proc as p join namespaces as n on pronamespace = n.oid
where prokind in ('f', 'p')
union all
select 'enum', enumtypid::regtype::text, string_agg(enumlabel, ',' order by enumsortorder)
from pg_enum
group by enumtypid
union all
select 'sequence', format('%I.%I', schemaname, sequencename),
    concat_ws('|', start_value, increment_by, cycle, last_value)
from pg_sequences
union all
select 'comment', pg_describe_object(classoid, objoid, objsubid), description
from pg_description
where objoid >= 16384
"""


def picture(connection: psycopg.Connection[Any], without: tuple[str, ...] = ()) -> Picture:
    """What the database of this connection holds.

    Args:
        connection: as a role that may read everything.
        without: schemas to leave out.
    """
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read")
        connection.execute("set local search_path to ''")  # every name in full, whoever looks
        connection.execute("set local timezone to 'UTC'")
        found: Picture = {}
        for kind, name, value in connection.execute(_OBJECTS):
            found[kind, name] = value
        tables = connection.execute(
            "select format('%I.%I', n.nspname, c.relname), n.nspname, c.relname"
            " from pg_class as c join pg_namespace as n on c.relnamespace = n.oid"
            " where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1"
        ).fetchall()
        for name, schema, table in tables:
            if schema not in without:
                found["rows", name] = rows_of(connection, schema, table)
    return {
        key: value for key, value in found.items() if not any(key[1].startswith(f"{schema}.") for schema in without)
    }


def rows_of(connection: psycopg.Connection[Any], schema: str, table: str, columns: str = "t::text") -> str:
    """The number of rows of a table and a hash of all of them."""
    query = sql.SQL(
        "select count(*) || ' ' || md5(coalesce(string_agg(r, E'\\n' order by r), ''))"
        " from (select {} as r from only {} as t) as rows"
    )
    found = connection.execute(query.format(sql.SQL(columns), sql.Identifier(schema, table))).fetchone()
    assert found is not None
    return str(found[0])


def differences(before: Picture, after: Picture) -> dict[tuple[str, str], tuple[str | None, str | None]]:
    """What two pictures do not agree on: {what: (before, after)}."""
    return {
        key: (before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    }


def picture_of(registry: Registry, *without: str) -> Picture:
    """Everything a registry's database holds, as the superuser sees it.

    Args:
        registry: the registry.
        without: schemas to leave out.
    """
    with registry.connect(SUPERUSER) as connection:
        return picture(connection, without)
