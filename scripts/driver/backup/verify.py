"""Proves that a backup restores: into a scratch database, compared table by table and object by object."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from driver.backup import archive, compare, listing, manifest, pg_tools, prepared, store
from driver.backup.manifest import Verification
from driver.backup.place import HERE, place
from driver.backup.scratch import scratch_database
from driver.backup.session import major_of, one_value, pinned
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.backup.archive import Progress
    from driver.backup.place import Place
    from driver.backup.store import Backup
    from driver.profile import Connection

# A subscription would reach out to its publisher and keep its database from being dropped.
NOT_ON_TRIAL = ("subscription",)


def verify_backup(
    connection: Connection,
    backup: Backup,
    *,
    on: str = HERE,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Backup:
    """Restore a backup on trial, compare it with the manifest, and record and list that it was identical.

    Raises:
        Problem: it is damaged, does not restore, or restores to something else.
    """
    with (
        place(connection, backup, on, works=False) as found,
        restored(found, backup, jobs=jobs, progress=progress) as (_, verified),
    ):
        pass
    with pinned(connection) as session:
        listing.record(session, connection.audit_schema, verified)
    return verified


@contextmanager
def restored(
    there: Place, backup: Backup, *, name: str = "", jobs: int | None = None, progress: Progress | None = None
) -> Iterator[tuple[Connection, Backup]]:
    """A backup restored into a scratch database, of this name, and compared, for the block; that is recorded in its folder."""
    jobs = jobs or pg_tools.usual_jobs()
    began = time.monotonic()
    content = backup.manifest
    manifest.check_files(backup.folder, content, progress)
    control = there.control
    with pinned(control) as session:
        major = major_of(session)
        server_version = str(one_value(session, "show server_version"))
        require_major(content, major)
        tools = pg_tools.find(major)
        template, leave_out, unproven = prepared.start(control, session, backup)
        leave_out = [*leave_out, *prepared.casts_beyond(session, content)]
    with scratch_database(control, content.state, template, name) as scratch:
        try:
            archive.restore(
                scratch,
                tools,
                backup,
                jobs=jobs,
                leave_out=leave_out,
                options=("--no-subscriptions",),
                step="test restore (bytes)",
                progress=progress,
            )
        except archive.ToolError as failure:
            raise Problem(
                f"The backup {backup.backup_id} does not restore: {failure}",
                where=str(backup.folder),
                do="the live database is as it was; correct that and take another backup",
            ) from failure
        found = compare.differences(
            scratch, content, jobs=jobs, left_out=NOT_ON_TRIAL, unproven=unproven, progress=progress
        )
        compare.require_same(found, backup, "the live database is as it was; do not rely on this backup, take another")
        Verification(
            backup_id=backup.backup_id,
            manifest_sha256=content.checksum,
            verified_at=store.now().isoformat(),
            server_version=server_version,
            tables=len(content.tables),
            seconds=round(time.monotonic() - began, 1),
            apart=found.apart,
            elsewhere=[] if there.on == HERE else there.lines,
        ).write(backup.folder)
        yield scratch, store.read(backup.folder)


def require_major(content: manifest.Manifest, major: int) -> None:
    """Refuse a server that is older than the backup's: PostgreSQL reads what older versions wrote, and not the other way."""
    if content.server_major > major:
        raise Problem(
            f"The backup {content.backup_id} is of PostgreSQL {content.server_major}, the server is PostgreSQL {major}",
            do=f"nothing was touched; restore it on a server of version {content.server_major} or newer",
        )
