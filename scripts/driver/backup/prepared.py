"""What a restore need not make, because it is there: extensions, and what belongs to other roles.

A restore in place leaves them where they are. A test restore and a restore beside begin from a template that a superuser
has prepared, where there is one: a database whose name says which live one it is for.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from driver.backup import catalogue, database_state, pg_tools, store
from driver.backup.session import Session, is_superuser, major_of, pinned
from driver.errors import Problem
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from driver.backup.manifest import Manifest
    from driver.profile import Connection

# Only superusers may say something about an extension; creating it says the same.
EXTENSION_COMMENTS = "COMMENT - EXTENSION "


# What CREATE DATABASE copies from a template, whatever it is told; and kinds of objects that the dump says for itself.
KIND = ("encoding", "lc_collate", "lc_ctype", "locale_provider", "locale", "icu_rules")
SAID_BY_THE_DUMP = {"grant", "comment", "default privileges"}
NAMES = """
select 'extension ' || e.extname from pg_catalog.pg_extension as e where e.oid >= 16384
union all
select concat_ws(' ', i.type, i.identity)
from (
    select 'pg_catalog.pg_proc'::regclass as classid, oid from pg_catalog.pg_proc
    union all
    select 'pg_catalog.pg_cast'::regclass, oid from pg_catalog.pg_cast
    union all
    select 'pg_catalog.pg_namespace'::regclass, oid from pg_catalog.pg_namespace
) as o
cross join lateral pg_catalog.pg_identify_object(o.classid, o.oid, 0) as i
where o.oid >= 16384
"""
UNPROVEN = """
select format('%s.%s', n.nspname, c.relname)
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where c.relkind = 'r' and c.oid >= 16384 and n.nspname !~ '^pg_'
"""


@dataclass(frozen=True)
class Template:
    """A database that a superuser prepared.

    Attributes:
        name: its name.
        objects: its extensions, schemas, functions and casts, each as its kind and its identity.
        problems: why it cannot be used, in words; empty if it can.
    """

    name: str
    objects: list[str]
    problems: list[str]


def template_name(dbname: str) -> str:
    """The name of a database's template: of the whole name, since two long ones may begin alike."""
    return f"cmsid_template_{hashlib.sha256(dbname.encode()).hexdigest()[:22]}"


def find_template(connection: Connection, control: Session, content: Manifest | None = None) -> Template | None:
    """The template of a database, if there is one and this role is not a superuser, who needs none.

    It has to fit the content of a backup or, without one, the live database, in which the session is then.
    """
    name = template_name(connection.dbname)
    if is_superuser(control):
        return None
    try:
        found = database_state.read(control, name)
    except LookupError:
        return None
    state = content.state if content else database_state.read(control, connection.dbname)
    objects = content.catalogue if content else catalogue.read(control, connection.audit_schema)
    problems = [] if found["is_template"] else ["it is not marked with IS_TEMPLATE"]
    problems += database_state.differences({key: found[key] for key in KIND}, {key: state[key] for key in KIND})
    try:
        with pinned(connection.to_database(name)) as session:
            held = catalogue.read(session, connection.audit_schema)
            names = [name for (name,) in session.execute(NAMES)]
    except Problem as closed:
        return Template(name, [], [*problems, f"this role cannot look into it ({closed.what})"])
    # An extension's owner is nobody's concern.
    known = {(kind, name, definition.split(", owner")[0]) for kind, name, definition in objects}
    problems += [
        f"it holds the {kind} {name}, which is not so in {connection.dbname}"
        for kind, name, definition in held
        if kind not in SAID_BY_THE_DUMP and (kind, name, definition.split(", owner")[0]) not in known
    ]
    return Template(name, names, problems)


def start(connection: Connection, control: Session, backup: store.Backup) -> tuple[str, list[str], set[str]]:
    """The database from which a restore begins, the entries of the dump to be left out, and tables that will lack rows."""
    template = find_template(connection, control, backup.manifest)
    if template is None or template.problems:
        return "template0", [] if is_superuser(control) else [EXTENSION_COMMENTS], set()
    with pinned(connection.to_database(template.name)) as session:
        return (template.name, *left_out(session, pg_tools.find(major_of(control)), backup.dump))


def casts_beyond(control: Session, content: Manifest) -> list[str]:
    """The beginnings of a dump's entries for casts between types of the system, which only a superuser may create."""
    casts = [name for kind, name, _ in content.catalogue if catalogue.is_of_system_types(kind, name)]
    return [] if is_superuser(control) else [f"CAST - CAST {name.replace('pg_catalog.', '')} " for name in casts]


def statements(session: Session, dbname: str) -> list[str]:
    """What a superuser runs in psql to prepare the template of the session's database; nothing where it would be empty."""
    name = template_name(dbname)
    made = database_state.creation(database_state.read(session, dbname), name, major_of(session)).as_string(session)
    within = [statement for (statement,) in session.execute(render_macro("template_statements").encode())]
    return [f"{made};", f"\\connect {name}", *within, f"alter database {name} is_template true;"] if within else []


def left_out(session: Session, tools: pg_tools.Tools, dump: Path) -> tuple[list[str], set[str]]:
    """Entries of a dump that are not restored into the session's database: what is there, and what others own.

    The database holds what was prepared, or what stays, and nothing else. With the entries come the tables (`schema.name`)
    whose rows are therefore not those of the backup.
    """
    there = tuple(entry for (entry,) in session.execute(render_macro("entries_left_out").encode()))
    roles = session.execute("select rolname::text, pg_has_role(oid, 'USAGE') from pg_catalog.pg_roles").fetchall()
    others = {name for name, is_ours in roles if not is_ours}
    entries = [pg_tools.entry_of(line) for line in pg_tools.table_of_contents(tools, dump)]
    kept = [
        entry
        for entry in entries
        if entry.startswith((*there, *([EXTENSION_COMMENTS] if others else []))) or _owner(entry, roles) in others
    ]
    return kept, {table for (table,) in session.execute(UNPROVEN)}


def _owner(entry: str, roles: list[tuple[str, bool]]) -> str:
    """The owner that a line of a table of contents ends with; a name may hold spaces."""
    return max((name for name, _ in roles if entry.endswith(f" {name}")), key=len, default="")
