"""Every object of a database with its definition, by the macro that the dbt project compares before and after with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from driver.macro_sql import render_macro

if TYPE_CHECKING:
    import psycopg

    Objects = list[list[str]]

# What belongs to the database itself is recorded and set again by database_state.
OF_THE_DATABASE = {("database", "properties"), ("comment", "on database")}
# Its row filter holds numbers of the catalogue, which are others in a restored database: compared by name.
BY_NAME = {"publication table"}
# PostgreSQL writes an expression with other casts and brackets once it has read its own spelling of it, so that
# CHECK (code IN ('a', 'b')) on a varchar never comes back the same.
RESPELT = re.compile(r"::(text|character varying|character|bpchar|name)(\(\d+\))?(\[\])?|[()\s]")


def read(session: psycopg.Connection[Any], audit_schema: str) -> Objects:
    """[kind, name, definition] of every object of the session's database, outside the audit schema."""
    objects = render_macro("catalogue_objects", audit_schema=audit_schema)
    query = "select object_kind::text, object_name::text, definition::text from ({}) as o".replace("{}", objects)
    rows = session.execute(query.encode()).fetchall()
    return sorted(
        [kind, name, "" if kind in BY_NAME else definition or ""]
        for kind, name, definition in rows
        if not _is_apart(kind, name)
    )


def differences(found: Objects, wanted: Objects) -> list[str]:
    """What is missing, too much, or defined otherwise, in words; empty if nothing is."""
    there, here = _by_name(wanted), _by_name(found)
    lines = [f"{kind} {name} is missing" for kind, name in sorted(there.keys() - here.keys())]
    lines += [f"{kind} {name} is not in the backup" for kind, name in sorted(here.keys() - there.keys())]
    changed = [key for key in sorted(there.keys() & here.keys()) if there[key] != here[key]]
    return lines + [f"{kind} {name} is defined otherwise than in the backup" for kind, name in changed]


def _is_apart(kind: str, name: str) -> bool:
    return (
        (kind, name) in OF_THE_DATABASE
        or kind == "database setting"
        or (kind == "grant" and name.startswith("on database to "))
    )


def _by_name(objects: Objects) -> dict[tuple[str, str], list[str]]:
    grouped: dict[tuple[str, str], list[str]] = {}
    for kind, name, definition in objects:
        grouped.setdefault((kind, name), []).append(RESPELT.sub("", definition))
    return {key: sorted(definitions) for key, definitions in grouped.items()}
