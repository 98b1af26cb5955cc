"""The backups' rows in the audit schema, where a migration looks for the backup it must have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from driver.backup.session import application_names, pin
from driver.facts import exists
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
            _in_schema(
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
                _in_schema(
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
    if not exists(session, audit_schema, "backups"):
        return None
    row = session.execute(
        _in_schema(audit_schema, "select manifest_sha256 from {backups} where backup_id = %s"), [backup_id]
    ).fetchone()
    return row[0] if row else None


def listed(session: psycopg.Connection[Any], audit_schema: str) -> set[str]:
    """The names of the backups that are listed in the database."""
    if not exists(session, audit_schema, "backups"):
        return set()
    rows = session.execute(_in_schema(audit_schema, "select backup_id from {backups}")).fetchall()
    return {backup_id for (backup_id,) in rows}


def uses(session: psycopg.Connection[Any], audit_schema: str) -> dict[str, str]:
    """What a backup stands behind, by its name: `open migration 3`, `migration 2 (done)`."""
    if not exists(session, audit_schema, "migrations"):
        return {}
    rows = session.execute(
        _in_schema(
            audit_schema,
            "select distinct on (backup_id) backup_id, migration_id, state from {migrations}"
            " where backup_id is not null order by backup_id, state = any(%s) desc, migration_id desc",
        ),
        [list(UNFINISHED)],
    ).fetchall()
    return {
        backup_id: f"open migration {number}" if state in UNFINISHED else f"migration {number} ({state})"
        for backup_id, number, state in rows
    }


def mark_pruned(session: psycopg.Connection[Any], audit_schema: str, backup_ids: Sequence[str]) -> None:
    """Say of backups that they are gone."""
    if exists(session, audit_schema, "backups"):
        session.execute(
            _in_schema(audit_schema, "update {backups} set pruned_at = now() where backup_id = any(%s)"),
            [list(backup_ids)],
        )


def log(session: psycopg.Connection[Any], audit_schema: str, event: str, detail: str) -> None:
    """Add a line to the log of the audit schema, which is made if it is missing."""
    session.execute(render_macro("audit_tables_ddl", audit_schema=audit_schema).encode())
    session.execute(_in_schema(audit_schema, "insert into {events} (event, detail) values (%s, %s)"), [event, detail])


def has_event(session: psycopg.Connection[Any], audit_schema: str, event: str, detail: str) -> bool:
    """Whether the log of the audit schema has exactly this line."""
    if not exists(session, audit_schema, "events"):
        return False
    row = session.execute(
        _in_schema(audit_schema, "select exists (select from {events} where event = %s and detail = %s)"),
        [event, detail],
    ).fetchone()
    return bool(row and row[0])


def _in_schema(audit_schema: str, statement: str) -> sql.Composed:
    names = ("backups", "backup_tables", "migrations", "events")
    return sql.SQL(statement).format(  # type: ignore[arg-type,unused-ignore]
        **{name: sql.Identifier(audit_schema, name) for name in names if "{" + name + "}" in statement}
    )
