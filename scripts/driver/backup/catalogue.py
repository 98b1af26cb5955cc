"""Every object of a database with its definition, by the macro that the dbt project compares before and after with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

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


class Findings(NamedTuple):
    """What a restored database has other than the backup, in words.

    Attributes:
        differences: what is not as it was; empty if the restore holds.
        apart: what cannot be as it was for a reason that is none of the backup's.
    """

    differences: list[str]
    apart: list[str]


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


def differences(found: Objects, wanted: Objects, *, is_superuser: bool) -> Findings:
    """What is missing, too much, or defined otherwise, and what pg_restore does not bring back.

    Args:
        found: the objects of the restored database.
        wanted: those of the backup.
        is_superuser: whether the role that restored may do all that the dump says.
    """
    there, here = _by_name(wanted), _by_name(found)
    lines: list[str] = []
    apart: dict[str, list[str]] = {}
    for key in sorted(there.keys() | here.keys()):
        was, now = there.get(key, []), here.get(key, [])
        if [RESPELT.sub("", text) for text in was] == [RESPELT.sub("", text) for text in now]:
            continue
        kind, name = key
        reason = _not_restored(kind, name, was, now, is_superuser=is_superuser)
        if reason:
            apart.setdefault(reason, []).append(name.removeprefix("on extension "))
        elif not now:
            lines.append(f"{kind} {name} is missing")
        elif not was:
            lines.append(f"{kind} {name} is not in the backup")
        else:
            lines.append(f"{kind} {name} is defined otherwise than in the backup")
    told = "; ".join(f"{reason} ({', '.join(names)})" for reason, names in apart.items())
    return Findings(lines, [f"Not restored: {told}"] if told else [])


def _not_restored(kind: str, name: str, was: list[str], now: list[str], *, is_superuser: bool) -> str:
    """Which property of an object no restore by this role brings back, where nothing else differs; or nothing."""
    if kind == "extension" and was and now:
        # "version 1.6, schema public, owner postgres"
        before, after = (text[0].split(", ", 2) for text in (was, now))
        if before[1] == after[1]:
            return "version of extensions" if before[0] != after[0] else "owner of extensions"
    if kind == "comment" and name.startswith("on extension ") and not is_superuser:
        return "comment of extensions"
    # pg_dump leaves one out that a failed CREATE INDEX CONCURRENTLY left behind.
    if kind == "index" and not now and all(", INVALID" in text for text in was):
        return "invalid indexes"
    return ""


def _is_apart(kind: str, name: str) -> bool:
    return (
        (kind, name) in OF_THE_DATABASE
        or kind == "database setting"
        or (kind == "grant" and name.startswith("on database to "))
    )


def _by_name(objects: Objects) -> dict[tuple[str, str], list[str]]:
    grouped: dict[tuple[str, str], list[str]] = {}
    for kind, name, definition in objects:
        grouped.setdefault((kind, name), []).append(definition)
    return {key: sorted(definitions) for key, definitions in grouped.items()}
