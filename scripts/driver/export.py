"""Write the procedure's CSV files: whole tables, all from one moment, equal bytes for equal data on every server."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timezone
from typing import TYPE_CHECKING, Any

import psycopg

from driver.backup.files import make_private_folder, open_private, sync_folder, write_private
from driver.backup.session import begin_with_locks, join_snapshot, pinned, settings
from driver.errors import Problem, why
from driver.export_files import MANIFEST, ExportedFile, ExportFile, ExportManifest, export_files
from driver.facts import tables_with_cms_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from driver.dbt_project import DbtProject
    from driver.profile import Connection

    Progress = Callable[[int, int, str], None]
    """Called with files done, files in all, and the name of the last one."""

DRAFT = ".new"


def export(
    connection: Connection, project: DbtProject, phase: str, folder: Path, progress: Progress | None = None
) -> ExportManifest:
    """Write all files of an export into a folder, in place of those of an earlier one.

    Args:
        connection: the registry.
        project: the dbt project, for the core tables and the chains.
        phase: pre or post.
        folder: where to; created if it is missing.
        progress: told of every file that is done.

    Raises:
        Problem: a file could not be written; those of the earlier export are as they were.
    """
    files = export_files(project)
    try:
        with pinned(connection) as session:
            tables = [(table.schema, table.identifier) for table in project.core_tables()]
            begin_with_locks(session, connection, tables)
            _refuse_wrong_phase(session, connection, project, phase)
            make_private_folder(folder)
            row = session.execute(
                "select pg_export_snapshot(), statement_timestamp(), current_setting('server_version')"
            ).fetchone()
            if row is None:
                raise AssertionError("a query without FROM has one row")
            pinned_settings = settings(session)
            written = _write_all(connection, row[0], files, folder, progress)
            # The session that exported the snapshot is the last to leave it.
            session.execute("commit")
        manifest = ExportManifest(
            phase=phase,
            taken_at=f"{row[1].astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            snapshot=row[0],
            database=connection.describe(),
            server_version=row[2],
            session=pinned_settings,
            files=sorted(written, key=lambda file: file.name),
        )
        _put_in_place(folder, manifest)
    except psycopg.Error as error:
        reason = why(error)
        raise Problem(
            f"The export failed: {reason}", where=connection.describe(), do="mend that, then run it again"
        ) from error
    finally:
        for file in files:
            (folder / (file.name + DRAFT)).unlink(missing_ok=True)
    return manifest


def _refuse_wrong_phase(
    session: psycopg.Connection[Any], connection: Connection, project: DbtProject, phase: str
) -> None:
    """Refuse what could only be compared with itself: a `pre` behind the migration, a `post` without one."""
    begun = bool(tables_with_cms_id(session, project.core_tables()))
    if phase == "pre" and begun:
        raise Problem(
            "The migration has begun, so what the registry held before it can no longer be exported",
            where=connection.describe(),
            do="use --phase post",
        )
    if phase == "post" and not begun:
        raise Problem(
            "No core table has a cms_id, so there is nothing to export of after the migration",
            where=connection.describe(),
            do="use --phase pre, or migrate first",
        )


def _write_all(
    connection: Connection, snapshot: str, files: Sequence[ExportFile], folder: Path, progress: Progress | None
) -> list[ExportedFile]:
    """Write the drafts, several at a time, each in a session that sees the same snapshot."""
    written: list[ExportedFile] = []
    with ThreadPoolExecutor(max(2, min(4, os.cpu_count() or 1))) as pool:
        futures = [pool.submit(_write, connection, snapshot, file, folder) for file in files]
        try:
            for future in as_completed(futures):
                written.append(future.result())
                if progress:
                    progress(len(written), len(files), written[-1].name)
        except BaseException:
            for future in futures:
                future.cancel()
            raise
    return written


def _write(connection: Connection, snapshot: str, file: ExportFile, folder: Path) -> ExportedFile:
    digest, size = hashlib.sha256(), 0
    with pinned(connection) as session, open_private(folder / (file.name + DRAFT)) as target:
        join_snapshot(session, snapshot)
        cursor: psycopg.Cursor[Any] = session.cursor()
        with cursor.copy(b"copy (" + file.query + b") to stdout with (format csv, header)") as copy:
            for block in copy:
                data = bytes(block)
                digest.update(data)
                size += len(data)
                target.write(data)
        target.flush()
        os.fsync(target.fileno())
        return ExportedFile(file.name, cursor.rowcount, size, digest.hexdigest())


def _put_in_place(folder: Path, manifest: ExportManifest) -> None:
    """Give the drafts their names; meanwhile there is no manifest, so nothing half-done passes for an export."""
    (folder / MANIFEST).unlink(missing_ok=True)
    for file in manifest.files:
        (folder / (file.name + DRAFT)).replace(folder / file.name)
    sync_folder(folder)
    write_private(folder / MANIFEST, manifest.to_json())
