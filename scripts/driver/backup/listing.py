"""The backups' rows in the audit schema, where a migration looks for the backup it must have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from driver.backup.session import application_names, pin
from driver.facts import exists, in_audit_schema, rows_of
from driver.macro_sql import render_macro
from driver.migration_state import UNFINISHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from driver.backup.store import Backup


def record(session: psycopg.Connection[Any], audit_schema: str, backup: Backup) -> None:
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


def manifest_checksum(session: psycopg.Connection[Any], audit_schema: str, backup_id: str) -> str | None:
    """The checksum the manifest had when the backup was listed; None if it is not listed here."""
    query = "select manifest_sha256 from {backups} where backup_id = %s"
    return next((checksum for (checksum,) in rows_of(session, audit_schema, query, [backup_id])), None)


def listed(session: psycopg.Connection[Any], audit_schema: str) -> set[str]:
    """The names of the backups that are listed in the database."""
    return {backup_id for (backup_id,) in rows_of(session, audit_schema, "select backup_id from {backups}")}


def uses(session: psycopg.Connection[Any], audit_schema: str) -> dict[str, str]:
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


def mark_pruned(session: psycopg.Connection[Any], audit_schema: str, backup_ids: Sequence[str]) -> None:
    """Say of backups that they are gone."""
    if exists(session, audit_schema, "backups"):
        session.execute(
            in_audit_schema(audit_schema, "update {backups} set pruned_at = now() where backup_id = any(%s)"),
            [list(backup_ids)],
        )


def log(session: psycopg.Connection[Any], audit_schema: str, event: str, detail: str) -> None:
    """Add a line to the log of the audit schema, which is made if it is missing."""
    session.execute(render_macro("audit_tables_ddl", audit_schema=audit_schema).encode())
    session.execute(
        in_audit_schema(audit_schema, "insert into {events} (event, detail) values (%s, %s)"), [event, detail]
    )


def has_event(session: psycopg.Connection[Any], audit_schema: str, event: str, detail: str) -> bool:
    """Whether the log of the audit schema has exactly this line."""
    query = "select from {events} where event = %s and detail = %s"
    return bool(rows_of(session, audit_schema, query, [event, detail]))
