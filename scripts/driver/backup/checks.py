"""What is refused before a restore touches anything."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from driver.backup import listing, pg_tools, prepared, swap, verify
from driver.backup.session import major_of, one_value, pinned, system_identifier
from driver.errors import Problem
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from driver.backup.store import Backup
    from driver.profile import Connection


def require_possible(
    control: psycopg.Connection[Any], connection: Connection, backup: Backup, *, in_place: bool, from_elsewhere: bool
) -> None:
    """Refuse a restore that could only fail; the files of the backup are not looked at.

    Raises:
        Problem: it is not this database's own, or cannot be restored by this role on this server.
    """
    _require_own(control, connection, backup, from_elsewhere=from_elsewhere)
    verify.require_major(backup.manifest, major_of(control))
    pg_tools.find(major_of(control))
    if not in_place:
        _require_rights(control, connection.dbname)
        _require_extensions(control, connection, backup)
        _require_exchangeable(control, connection.dbname)


def require_replaced(control: psycopg.Connection[Any], connection: Connection, name: str) -> None:
    """Refuse to put a replaced database back where that could only fail.

    Raises:
        Problem: this role may not, or something in one of the two forbids it.
    """
    _require_rights(control, connection.dbname)
    for database in (connection.dbname, name):
        _require_exchangeable(control, database)


def _require_exchangeable(control: psycopg.Connection[Any], database: str) -> None:
    swap.refuse_unless_possible(control, database)
    swap.refuse_unendable(control, database)


def _require_own(
    control: psycopg.Connection[Any], connection: Connection, backup: Backup, *, from_elsewhere: bool
) -> None:
    """Refuse a backup of another database, of another audit schema, and one that is not the one that was listed."""
    manifest = backup.manifest
    if not from_elsewhere:
        hint = "nothing was touched; add --from-elsewhere if that is what you want"
        if manifest.database != connection.dbname:
            raise Problem(
                f"The backup {manifest.backup_id} is of the database {manifest.database}, not of {connection.dbname}",
                do=hint,
            )
        here = system_identifier(control)
        if here and manifest.system_identifier and here != manifest.system_identifier:
            raise Problem(f"The backup {manifest.backup_id} is of a database of another server", do=hint)
    own = manifest.audit_schema
    if own and own != connection.audit_schema:
        raise Problem(
            f"The backup {manifest.backup_id} was taken with {own} as our own schema, and the dbt profile has"
            f" {connection.audit_schema}",
            do=f"nothing was touched; restore with a profile that has `schema: {own}`",
        )
    recorded = None
    with contextlib.suppress(Problem, psycopg.Error), pinned(connection) as session:
        recorded = listing.manifest_checksum(session, connection.audit_schema, manifest.backup_id)
    if recorded and recorded != manifest.checksum:
        raise Problem(
            f"The backup {manifest.backup_id} is not the one that was listed in the database: its manifest is another",
            where=str(backup.folder),
            do="nothing was touched; choose another backup (`scripts/cmsid backups` lists them)",
        )


def _require_extensions(control: psycopg.Connection[Any], connection: Connection, backup: Backup) -> None:
    """Refuse a backup with an extension that this role, on this server, cannot make as it was."""
    recorded = backup.manifest.state["extensions"]
    if not recorded:
        return
    rows = sql.SQL(", ").join(sql.SQL("({}, {})").format(*map(sql.Literal, extension)) for extension in recorded)
    extensions = f"values {rows.as_string(control)}"
    query = render_macro("extensions_beyond", extensions=extensions)
    template = prepared.find_template(connection, control, backup.manifest)
    there = template.objects if template and not template.problems else []
    found = control.execute(query.encode()).fetchall()
    beyond = [row for row in found if f"extension {row[0]}" not in there]
    if beyond:
        raise Problem(
            "; ".join(f"The extension {name} cannot be made anew: {reason}" for name, reason, _ in beyond),
            where=backup.manifest.backup_id,
            do="nothing was touched; " + "; ".join(remedy for _, _, remedy in beyond),
        )


def _require_rights(control: psycopg.Connection[Any], database: str) -> None:
    """Refuse a role that may not create the side database."""
    query = "select rolsuper or rolcreatedb from pg_catalog.pg_roles where rolname = current_user"
    if not one_value(control, query):
        raise Problem(
            f"This role may not create databases, so nothing can be restored beside {database}",
            do="have a superuser run `alter role ... createdb`, or add --in-place to restore within the database,"
            " in one transaction",
        )
