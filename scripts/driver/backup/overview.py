"""What backups there are, each with what is known of it, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from driver.backup import listing, store
from driver.backup.session import pinned
from driver.errors import Problem

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from driver.profile import Connection


@dataclass(frozen=True)
class Line:
    """One backup.

    Attributes:
        backup_id: its name.
        bytes: its size.
        tables: how many tables it holds.
        rows: how many rows.
        verified_at: when a test restore was identical; None if there was none.
        purpose: what it is for, in words.
        problem: what is wrong with it; empty if nothing is known.
        listed: whether the database lists it; None if the database could not be asked.
    """

    backup_id: str
    bytes: int
    tables: int
    rows: int
    verified_at: datetime | None
    purpose: str
    problem: str
    listed: bool | None


def lines(connection: Connection, directory: Path | None = None) -> list[Line]:
    """Every backup of a database, the newest first. Of the files themselves only names and sizes are looked at."""
    uses: dict[str, str] = {}
    listed: set[str] | None = None
    try:
        with pinned(connection) as session:
            uses = listing.uses(session, connection.audit_schema)
            listed = listing.listed(session, connection.audit_schema)
    except (Problem, psycopg.Error):
        pass  # the backups are there without their database
    return [_line(backup, uses, listed) for backup in store.all_backups(store.folder_of(connection, directory))]


def _line(backup: store.Backup | store.Damaged, uses: dict[str, str], listed: set[str] | None) -> Line:
    known = None if listed is None else backup.backup_id in listed
    use = uses.get(backup.backup_id, "")
    if isinstance(backup, store.Damaged):
        return Line(backup.backup_id, 0, 0, 0, None, use, backup.reason, known)
    manifest = backup.manifest
    return Line(
        backup.backup_id,
        manifest.bytes,
        len(manifest.tables),
        manifest.rows,
        backup.verified_at,
        "; ".join(filter(None, (manifest.purpose, use))),
        backup.shortcoming,
        known,
    )
