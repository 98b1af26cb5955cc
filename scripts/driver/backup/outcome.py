"""What came of a restore, and the count the written procedure asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import psycopg

STUDENTS = "students"


@dataclass(frozen=True)
class Restored:
    """What came of a restore.

    Attributes:
        backup_id: the backup that is live now.
        database: under which name.
        replaced: the name of the database that was replaced; empty if there was none or it was restored in place.
        safety_backup: in place: the backup of what was replaced.
        tables: how many tables were compared.
        students: the rows of the students table; None if there is no such table.
        left: statements that a superuser has to run, each with the reason.
        apart: what no restore brings back, in words.
    """

    backup_id: str
    database: str
    replaced: str
    safety_backup: str
    tables: int
    students: int | None
    left: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)


def count_students(session: psycopg.Connection[Any]) -> int | None:
    """The rows of the students table, of whatever schema it is in; None if there is none."""
    found = session.execute(
        "select n.nspname::text from pg_catalog.pg_class as c"
        " inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid"
        " where c.relname = %s and c.relkind in ('r', 'p') and n.nspname !~ '^pg_'"
        " order by n.nspname <> 'public' limit 1",
        [STUDENTS],
    ).fetchone()
    if found is None:
        return None
    row = session.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(found[0], STUDENTS))).fetchone()
    return int(row[0]) if row else None
