"""What backups there are, each with what is known of it, in lines."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psycopg

from driver.backup import listing, store
from driver.backup.session import pinned
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from driver.profile import Connection


def describe(connection: Connection, directory: Path | None = None) -> Iterator[str]:
    """Every backup of a database, which need not answer, the newest first. Of the files only names and sizes are looked at."""
    uses: dict[str, str] = {}
    listed: set[str] | None = None
    with contextlib.suppress(Problem, psycopg.Error), pinned(connection) as session:
        uses = listing.uses(session, connection.audit_schema)
        listed = listing.listed(session, connection.audit_schema)
    folder = store.folder_of(connection, directory)
    found = store.all_backups(folder)
    if not found:
        yield f"There is no backup of this database in {folder}: take one with `scripts/cmsid backup --verify`."
    for backup in found:
        purposes, extent = [uses.get(backup.backup_id)], ""
        verdict = f"DAMAGED: {backup.shortcoming}"
        if isinstance(backup, store.Backup):
            purposes.insert(0, backup.manifest.purpose)
            if not backup.shortcoming:
                verdict, extent = "verified" if backup.verified_at else "not verified", backup.manifest.extent
        if listed is not None and backup.backup_id not in listed:
            verdict += ", not listed in the database"
        purpose = "; ".join(filter(None, purposes))
        yield f"{backup.backup_id}  {verdict}" + (f"  for: {purpose}" if purpose else "")
        if extent:
            yield f"    {extent}"
    if left := store.partial_folders(folder):
        yield f"Left over from interrupted work: {len(left)} folder(s); `scripts/cmsid prune` removes them."
