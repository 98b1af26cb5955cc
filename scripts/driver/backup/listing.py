"""What backups there are, each with what is known of it; and their rows in the audit schema.

There a migration looks for the backup it must have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import psycopg

from driver.backup import store
from driver.backup.session import Session, application_names, pin, pinned
from driver.errors import Problem
from driver.facts import UNFINISHED, exists, in_audit_schema, rows_of
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from driver.profile import Connection


@dataclass(frozen=True)
class ListedBackup:
    """A backup in the folder.

    Attributes:
        backup_id: its name, and its folder's.
        damage: why it cannot be used; empty if it can, as far as names and sizes of its files tell.
        verified_at: when a test restore of it was identical, in UTC; empty if none was, or if it is damaged.
        taken_at: the moment it holds, in UTC; empty if its manifest cannot be read.
        bytes: the size of its dump.
        listed: whether it is listed in the database; None if the database could not be asked.
        purposes: what it was taken for, and the migration it stands behind.
        extent: what is in it, in words; empty if it is damaged.
    """

    backup_id: str
    damage: str
    verified_at: str
    taken_at: str
    bytes: int
    listed: bool | None
    purposes: list[str]
    extent: str

    def lines(self) -> Iterator[str]:
        """What a person reads of it."""
        verdict = f"DAMAGED: {self.damage}" if self.damage else "verified" if self.verified_at else "not verified"
        verdict += ", not listed in the database" if self.listed is False else ""
        yield f"{self.backup_id}  {verdict}" + (f"  for: {'; '.join(self.purposes)}" if self.purposes else "")
        if self.extent:
            yield f"    {self.extent}"


@dataclass(frozen=True)
class Overview:
    """The backups of a database.

    Attributes:
        folder: where they are.
        backups: each of them, the newest first.
        left_over: how many folders interrupted work has left there.
        next_command: takes a verified backup if there is none, else removes what interrupted work has left; None if neither.
    """

    folder: str
    backups: list[ListedBackup]
    left_over: int
    next_command: str | None

    def lines(self) -> Iterator[str]:
        """What a person reads of them."""
        if not self.backups:
            yield f"There is no backup of this database in {self.folder}: take one with `scripts/cmsid backup --verify`."
        for backup in self.backups:
            yield from backup.lines()
        if self.left_over:
            yield f"Left over from interrupted work: {self.left_over} folder(s); `scripts/cmsid prune` removes them."


def look(connection: Connection, directory: Path | None = None) -> Overview:
    """Every backup of a database, which need not answer. Of the files only names and sizes are looked at."""
    backed: dict[str, str] = {}
    known: dict[str, str] | None = None
    with contextlib.suppress(Problem, psycopg.Error), pinned(connection) as session:
        backed = uses(session, connection.audit_schema)
        known = listed(session, connection.audit_schema)
    folder = store.folder_of(connection, directory)
    backups = [_listed(backup, backed, known) for backup in store.all_backups(folder)]
    left_over, command = len(store.partial_folders(folder)), None
    if not any(backup.verified_at for backup in backups):
        command = "scripts/cmsid backup --verify"
    elif left_over:
        command = "scripts/cmsid prune"
    if command and directory:
        command += f" --directory {quote(str(directory))}"
    return Overview(str(folder), backups, left_over, command)


def _listed(backup: store.Backup | store.Damaged, backed: dict[str, str], known: dict[str, str] | None) -> ListedBackup:
    name, damage = backup.backup_id, backup.shortcoming
    use, is_listed = backed.get(name, ""), None if known is None else name in known
    if isinstance(backup, store.Damaged):
        return ListedBackup(name, damage, "", "", 0, is_listed, [use] if use else [], "")
    content, verified = backup.manifest, backup.verification.verified_at if backup.verification else ""
    purposes = [purpose for purpose in (content.purpose, use) if purpose]
    if damage:
        return ListedBackup(name, damage, "", content.taken_at, content.bytes, is_listed, purposes, "")
    return ListedBackup(name, "", verified, content.taken_at, content.bytes, is_listed, purposes, content.extent)


def record(session: Session, audit_schema: str, backup: store.Backup) -> None:
    """List a backup with its tables, or bring its row up to date."""
    manifest, verification = backup.manifest, backup.verification
    with session.transaction():
        # The application's event triggers may fire, so names are looked up in pg_catalog and then where the application has them.
        application_names(session)
        session.execute(render_macro("audit_tables_ddl", audit_schema=audit_schema).encode())
        pin(session)
        session.execute(
            in_audit_schema(
                audit_schema,
                "insert into {backups} (backup_id, taken_at, purpose, location, manifest_sha256, bytes, server_version,"
                " verified_at) values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict (backup_id) do update set"
                " location = excluded.location, verified_at = excluded.verified_at, pruned_at = null",
            ),
            [
                backup.backup_id,
                manifest.taken_at,
                manifest.purpose,
                str(backup.folder),
                manifest.checksum,
                manifest.bytes,
                manifest.server_version,
                verification.verified_at if verification else None,
            ],
        )
        with session.cursor() as cursor:
            cursor.executemany(
                in_audit_schema(
                    audit_schema,
                    "insert into {backup_tables} values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
                ),
                [
                    (backup.backup_id, t.schema, t.name, t.columns, t.rows, t.fingerprint_a, t.fingerprint_b)
                    for t in manifest.tables
                ],
            )


def listed(session: Session, audit_schema: str) -> dict[str, str]:
    """The backups that are listed in the database, by name, each with the checksum that its manifest had then."""
    return dict(rows_of(session, audit_schema, "select backup_id, manifest_sha256 from {backups}"))


def uses(session: Session, audit_schema: str) -> dict[str, str]:
    """What a backup stands behind, by its name: `open migration 3`, `migration 2 (done)`."""
    query = (
        "select distinct on (backup_id) backup_id, migration_id, state from {migrations}"
        " where backup_id is not null order by backup_id, state = any(%s) desc, migration_id desc"
    )
    rows = rows_of(session, audit_schema, query, [list(UNFINISHED)])
    return {
        backup_id: f"open migration {number}" if state in UNFINISHED else f"migration {number} ({state})"
        for backup_id, number, state in rows
    }


def mark_pruned(session: Session, audit_schema: str, backup_ids: Sequence[str]) -> None:
    """Say of backups that they are gone."""
    if exists(session, audit_schema, "backups"):
        session.execute(
            in_audit_schema(audit_schema, "update {backups} set pruned_at = now() where backup_id = any(%s)"),
            [list(backup_ids)],
        )


def log(session: Session, audit_schema: str, event: str, detail: str) -> None:
    """Add a line to the log of the audit schema, which is made if it is missing."""
    session.execute(render_macro("audit_tables_ddl", audit_schema=audit_schema).encode())
    session.execute(
        in_audit_schema(audit_schema, "insert into {events} (event, detail) values (%s, %s)"), [event, detail]
    )


def has_event(session: Session, audit_schema: str, event: str, detail: str) -> bool:
    """Whether the log of the audit schema has exactly this line."""
    query = "select from {events} where event = %s and detail = %s"
    return bool(rows_of(session, audit_schema, query, [event, detail]))
