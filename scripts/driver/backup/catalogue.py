"""Every object of a database with its definition, by the macro that the dbt project compares before and after with."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopg import sql

from driver.backup.session import Session, is_superuser, major_of, one_value
from driver.macro_sql import render_macro
from driver.wording import few

Objects = list[list[str]]
Rewritten = tuple[str, str, str, str]
# What belongs to the database itself is recorded and set again by database_state.
OF_THE_DATABASE = re.compile("(?s)database properties|comment on database|database setting .*|grant on database to .*")
ALL_PRIVILEGES = ("DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE")  # before PostgreSQL 17


class Findings(NamedTuple):
    """What a restored database has other than the backup, in words.

    Attributes:
        differences: what is not as it was; empty if the restore holds.
        apart: what cannot be as it was for a reason that is none of the backup's.
        rewritten: kind, name, recorded and present definition of what is the same and reads otherwise.
    """

    differences: list[str]
    apart: list[str]
    rewritten: Sequence[Rewritten] = ()


def read(session: Session, audit_schema: str) -> Objects:
    """[kind, name, definition] of every object of the session's database, outside the audit schema."""
    objects = render_macro("catalogue_objects", audit_schema=audit_schema)
    query = "select object_kind::text, object_name::text, definition::text from ({}) as o".replace("{}", objects)
    rows = session.execute(query.encode()).fetchall()
    return sorted([*row[:2], row[2] or ""] for row in rows if not OF_THE_DATABASE.fullmatch(f"{row[0]} {row[1]}"))


def differences(session: Session, found: Objects, wanted: Objects, major: int) -> Findings:
    """What is missing, too much, or defined otherwise, and what pg_restore does not bring back.

    The session is in the restored database, in which nobody else is at work; nothing is left there of what this makes.
    The objects wanted are those of the backup, taken on a server of this major version.
    """
    present_major = major_of(session)
    superuser = is_superuser(session)
    there, here = _by_name(wanted), _by_name(found)
    differing: list[dict[str, str | None]] = []
    rewritten: list[Rewritten] = []
    apart: dict[str, dict[str, list[str]]] = {}
    with session.transaction(force_rollback=True):
        session.execute(render_macro("define_reading_again").encode())
        for kind, name in sorted(there.keys() | here.keys()):
            was, now = there.get((kind, name), []), here.get((kind, name), [])
            if was == now:
                continue
            told, reason = "Not restored", _not_restored(kind, name, was, now, superuser=superuser)
            if not reason and major != present_major:
                told = f"Other on PostgreSQL {present_major} by itself"
                reason = _of_the_major(kind, name, was, now, (major, present_major))
            if reason:
                apart.setdefault(told, {}).setdefault(reason, []).append(name.removeprefix("on extension "))
                rewritten += [(kind, name, *pair) for pair in zip(was, now, strict=False)]
            elif was and now and _reads_the_same(session, kind, name, was, now):
                rewritten += [(kind, name, *pair) for pair in zip(was, now, strict=True)]
            else:
                before, after = ("\n".join(side) if side else None for side in (was, now))
                differing.append({"kind": kind, "name": name, "was": before, "now": after})
    return Findings(
        _told(session, differing),
        [
            f"{told}: " + "; ".join(f"{reason} ({few(names)})" for reason, names in reasons.items())
            for told, reasons in apart.items()
        ],
        rewritten,
    )


def _told(session: Session, differing: list[dict[str, str | None]]) -> list[str]:
    """What differs in the words of the project's own comparison, with what belongs together put together."""
    given = recordset(session, differing, "kind text, name text, was text, now text")
    query = "select f.subject || ': ' || f.told from ({}) as f order by f.n desc, f.subject"
    query = query.replace("{}", render_macro("object_families", differing=given))
    return [row[0] for row in session.execute(query.encode())] if differing else []


def recordset(session: Session, rows: Sequence[dict[str, Any]], columns: str) -> str:
    """A query that returns these rows."""
    query = sql.SQL("select * from pg_catalog.json_to_recordset({}::json) as d ({})")
    return query.format(sql.Literal(json.dumps(rows)), sql.SQL(columns)).as_string(session)


def is_of_system_types(kind: str, name: str) -> bool:
    """Whether an object is a cast between types of the system, which only a superuser may create."""
    return kind == "cast" and "." not in name.replace("pg_catalog.", "")


def rewrite_baseline(session: Session, audit_schema: str, rewritten: Sequence[Rewritten]) -> None:
    """Have the baseline say how an object that a restore brought back is written now, where it said how it was written then."""
    baseline = sql.Identifier(audit_schema, "catalogue_baseline")
    if rewritten and one_value(session, "select to_regclass(%s)", baseline.as_string()):
        statement = "update {} set definition = %s where object_kind = %s and object_name = %s and definition = %s"
        session.cursor().executemany(
            sql.SQL(statement).format(baseline), [(now, kind, name, was) for kind, name, was, now in rewritten]
        )


def _reads_the_same(session: Session, kind: str, name: str, was: list[str], now: list[str]) -> bool:
    """Whether the server takes definitions that are written otherwise for the same."""
    query = "select pg_temp.cms_id_reads_the_same(%s, %s, %s, %s)"
    return len(was) == len(now) and all(
        before == after or one_value(session, query, kind, name, before, after)
        for before, after in zip(was, now, strict=True)
    )


def _not_restored(kind: str, name: str, was: list[str], now: list[str], *, superuser: bool) -> str:
    """Which property of an object no restore by this role brings back, where nothing else differs; or nothing."""
    if kind == "extension" and was and now:
        # "version 1.6, schema public, owner postgres"
        before, after = (text[0].split(", ", 2) for text in (was, now))
        if before[1] == after[1]:
            return "version of extensions" if before[0] != after[0] else "owner of extensions"
    if kind == "comment" and name.startswith("on extension ") and not superuser:
        return "comment of extensions"
    if is_of_system_types(kind, name) and not now and not superuser:
        return "casts of the system's types"
    # pg_dump leaves one out that a failed CREATE INDEX CONCURRENTLY left behind.
    if kind == "index" and not now and all(", INVALID" in text for text in was):
        return "invalid indexes"
    return ""


def _of_the_major(kind: str, name: str, was: list[str], now: list[str], majors: tuple[int, int]) -> str:
    """Which difference a newer major version makes by itself, where there is no other; or nothing."""

    def comes_with(major: int) -> bool:
        return majors[0] < major <= majors[1]

    if comes_with(18) and kind == "constraint" and not was and all(text.startswith("NOT NULL") for text in now):
        return "not-null constraints, which PostgreSQL 18 lists"  # the column says so on every version
    if comes_with(17) and kind in ("grant", "default privileges") and was == [_without_maintain(text) for text in now]:
        return "privilege MAINTAIN, which came with PostgreSQL 17"
    of_public = (("schema", "public"), ("grant", "on schema public to PUBLIC"))
    new = (["owner pg_database_owner"], ["USAGE from pg_database_owner"])
    if comes_with(15) and (
        ((kind, name) in of_public and now in new)
        or (kind == "grant" and name == "on schema public to pg_database_owner" and not was)
        or (
            kind == "grant"
            and name.startswith("on schema public to ")
            and not now
            and name.rsplit(maxsplit=1)[-1] == was[0].split()[-1]
        )
    ):
        return "owner and privileges of schema public, which are others since PostgreSQL 15"
    if len(was) == len(now) and all(_common(*pair) for pair in zip(was, now, strict=True)):
        return "properties that only one of the versions has"
    return ""


def _without_maintain(text: str) -> str:
    """Privileges on a table without the one that ALL did not hold before."""
    items = text.split(", ")
    for item in [item for item in items if item.startswith("MAINTAIN")]:
        if all(item.replace("MAINTAIN", privilege) in items for privilege in ALL_PRIVILEGES):
            items.remove(item)
    return re.sub(r"(a(\*?)r\2w\2d\2D\2x\2t\2)m\2/", r"\1/", ", ".join(items))


def _common(was: str, now: str) -> bool:
    """Whether two rows of a catalogue agree in all that both have."""
    (before, _, old), (after, _, new) = was.partition("{"), now.partition("{")
    if not old or not new or before != after:
        return False
    there, here = (json.loads("{" + text.replace('"colliculocale"', '"colllocale"')) for text in (old, new))
    return all(there[key] == here[key] for key in there.keys() & here.keys())


def _by_name(objects: Objects) -> dict[tuple[str, str], list[str]]:
    grouped: dict[tuple[str, str], list[str]] = {}
    for kind, name, definition in objects:
        grouped.setdefault((kind, name), []).append(definition)
    return {key: sorted(definitions) for key, definitions in grouped.items()}
