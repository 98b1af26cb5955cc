"""What the steps of a restore share, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg import sql

from driver.backup import journal, swap
from driver.backup.catalogue import Findings
from driver.backup.session import one_value

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from driver.backup.archive import Progress
    from driver.backup.journal import Journal
    from driver.profile import Connection

STUDENTS = "students"


@dataclass
class Work:
    """A restore at work.

    Attributes:
        connection: the live database.
        control: a session on its server, in a database that is not renamed.
        folder: the folder of the database's backups, where the journal is kept.
        journal: what is done so far, and which databases it is about.
        jobs: parallel workers.
        progress: called with a step's name, how much of it is done, how much there is.
        found: how what was restored compares with the backup, once it is compared.
        left: statements that a superuser has to run, each with the reason.
    """

    connection: Connection
    control: psycopg.Connection[Any]
    folder: Path
    journal: Journal
    jobs: int = 1
    progress: Progress | None = None
    found: Findings = field(default_factory=lambda: Findings([], []))
    left: list[str] = field(default_factory=list)

    def done(self, step: str, side_oid: int | None = None) -> None:
        """Write down a step."""
        self.journal = journal.record(self.folder, self.journal, step, side_oid)

    def end(self, step: str) -> None:
        """Write down the end, and put the journal away."""
        journal.finish(self.folder, self.journal, step)

    @property
    def side(self) -> swap.Database | None:
        """The database that takes the live one's place, if it exists; one of that name that somebody else made is not it."""
        side = swap.databases(self.control, [self.journal.side_name]).get(self.journal.side_name)
        return side if side and self.journal.made_side(side.oid) else None

    @property
    def is_swapped(self) -> bool:
        """Whether that database already has the live one's name."""
        made = self.journal
        return bool(made.side_oid and swap.database(self.control, made.database, made.side_oid))

    @property
    def replaced(self) -> str:
        """The name of the database that was replaced; empty if there was none."""
        made = self.journal
        return made.replaced_name if swap.database(self.control, made.replaced_name, made.live_oid) else ""


@dataclass(frozen=True)
class Restored:
    """What came of a restore.

    Attributes:
        backup_id: the backup that is live now.
        database: under which name.
        students: the rows of the students table; None if there is no such table.
        replaced: the name of the database that was replaced; empty if there was none or it was restored in place.
        safety_backup: in place: the backup of what was replaced.
        tables: how many tables were compared.
        left: statements that a superuser has to run, each with the reason.
        apart: what no restore brings back, in words.
    """

    backup_id: str
    database: str
    students: int | None
    replaced: str = ""
    safety_backup: str = ""
    tables: int = 0
    left: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)


def count_students(session: psycopg.Connection[Any]) -> int | None:
    """The rows of the students table, which the written procedure asks for; None if no schema has one."""
    schema = one_value(
        session,
        "select n.nspname::text from pg_catalog.pg_class as c"
        " inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid"
        " where c.relname = %s and c.relkind in ('r', 'p') and n.nspname !~ '^pg_'"
        " order by n.nspname <> 'public' limit 1",
        STUDENTS,
    )
    if schema is None:
        return None
    return int(one_value(session, sql.SQL("select count(*) from {}").format(sql.Identifier(schema, STUDENTS))))
