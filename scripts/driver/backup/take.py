"""Takes a backup, one exported snapshot for the dump and for what it is compared with, and proves that it restores.

The proof is a test restore: into a scratch database, compared table by table and object by object.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from driver import __version__
from driver.backup import (
    Progress,
    catalogue,
    compare,
    database_state,
    files,
    hindrances,
    listing,
    manifest,
    pg_tools,
    prepared,
    silent,
    store,
)
from driver.backup.manifest import DUMP, File, Manifest, Table, Verification
from driver.backup.place import HERE, Place, place
from driver.backup.session import Session, begin_with_locks, major_of, one_value, pinned, settings, system_identifier
from driver.backup.swap import scratch_database
from driver.dbt_project import keep_out_of_git
from driver.errors import Problem, why

if TYPE_CHECKING:
    from driver.profile import Connection

LISTINGS = 5
# A subscription would reach out to its publisher and keep its database from being dropped.
NOT_ON_TRIAL = ("subscription",)
HINT = "the live database is as it was and nothing of the failed backup counts; correct that, then run this again"


def take_backup(
    connection: Connection,
    *,
    directory: Path | None = None,
    jobs: int | None = None,
    verify: bool = False,
    on: str = HERE,
    listed: bool = True,
    purpose: str = "",
    progress: Progress = silent,
) -> store.Backup:
    """Back up a database, list the backup in its audit schema, and, if asked, prove that it restores.

    Args:
        connection: the database.
        directory: the folder of all backups; by default as `store.default_folder`.
        jobs: parallel workers; default as many as there are processors, four at most.
        verify: restore it into a scratch database and compare.
        on: where that is: here, embedded, or the name of a service.
        listed: write its row into the audit schema; else nothing is written into the database.
        purpose: what it is for, in words.
        progress: called with a step's name, how much of it is done, how much there is.

    Raises:
        Problem: it could not be taken; nothing that looks like a backup is left.
    """
    jobs = jobs or pg_tools.JOBS
    with pinned(connection) as session, contextlib.ExitStack() as stack:
        if one_value(session, "select pg_is_in_recovery()"):
            raise Problem(
                "The server is a standby, where a backup cannot be listed",
                where=connection.describe(),
                do="back up the primary, whose tables the migration compares with the backup",
            )
        tools = pg_tools.find(major_of(session))
        hindrances.require(session, connection, hindrances.DUMP, *([hindrances.TRIAL] if verify and on == HERE else []))
        there = stack.enter_context(place(connection, None, on, works=False)) if verify else None
        folder = store.folder_of(connection, directory)
        files.make_private_folder(folder)
        keep_out_of_git(folder.parent)
        _begin(session, connection, progress)
        moment = store.now()
        backup_id = store.new_id(connection, folder, moment)
        with _partial_folder(folder, backup_id) as partial:
            # Before the snapshot, because sequences move on: so the dump can only be further.
            positions = compare.of_sequences(session)
            snapshot = one_value(session, "select pg_export_snapshot()")
            tables = _dump(connection, session, tools, partial, snapshot=snapshot, jobs=jobs, progress=progress)
            content = Manifest(
                backup_id=backup_id,
                purpose=purpose,
                taken_at=moment.isoformat(),
                database=connection.dbname,
                system_identifier=system_identifier(session),
                server_version=one_value(session, "show server_version"),
                server_major=major_of(session),
                tools=tools.describe(),
                tool_version=__version__,
                snapshot=snapshot,
                session=settings(session),
                state={
                    **database_state.read(session, connection.dbname),
                    "extensions": database_state.extensions(session),
                },
                sequences=positions,
                large_objects=compare.of_large_objects(session),
                catalogue=catalogue.read(session, connection.audit_schema),
                tables=tables,
            )
            # The session that exported the snapshot must be the last to leave it: only now is it proven to have lived on.
            session.execute("commit")
            _finish(tools, partial, folder / backup_id, content)
        backup = store.read(folder / backup_id)
        try:
            if listed:
                listing.record(session, connection.audit_schema, backup)
        except psycopg.errors.InsufficientPrivilege as error:
            raise Problem(
                f"The backup {backup_id} is complete, but it could not be listed: {why(error)}",
                where=f"schema {connection.audit_schema} of {connection.describe()}",
                do="allow this role to create that schema, then take the backup again",
            ) from error
        return _verified(connection, backup, there, jobs, progress) if there else backup


@contextlib.contextmanager
def _partial_folder(folder: Path, backup_id: str) -> Iterator[Path]:
    """A folder under a name that is no backup's, removed if this fails, and known to be in use while it is."""
    partial = folder / (store.PARTIAL_PREFIX + backup_id)
    lock = store.lock_of(partial)
    with files.exclusive(lock) as free:
        if not free or partial.exists():
            raise Problem(
                "Another backup of this database began in this very second", where=str(partial), do="run this again"
            )
        try:
            partial.mkdir(mode=files.FOLDER_MODE)
            yield partial
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        finally:
            lock.unlink(missing_ok=True)


def _begin(session: Session, connection: Connection, progress: Progress) -> None:
    """Begin the transaction that exports the snapshot, with every table locked before."""
    for _ in range(LISTINGS):
        tables = compare.tables(session)
        progress("locks", 0, len(tables))
        try:
            begin_with_locks(session, connection, tables)
        except psycopg.errors.UndefinedTable:
            # dropped since it was listed
            session.rollback()
        else:
            progress("locks", len(tables), len(tables))
            return
    raise Problem(
        f"In each of {LISTINGS} attempts a table was dropped while the tables were being locked",
        where=connection.describe(),
        do="let the job that drops tables end, then run this again",
    )


def _dump(
    connection: Connection,
    session: Session,
    tools: pg_tools.Tools,
    partial: Path,
    *,
    snapshot: str,
    jobs: int,
    progress: Progress,
) -> list[Table]:
    """Dump and fingerprint one snapshot, side by side."""
    extents = {f"{query.schema}.{query.name}": query for query in compare.queries(session)}
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(
            compare.of_all_tables, connection, snapshot=snapshot, jobs=jobs, progress=progress, stop=stop
        )
        try:
            pg_tools.dump(
                connection,
                tools,
                partial / DUMP,
                snapshot=snapshot,
                encoding=one_value(session, "show server_encoding"),
                jobs=jobs,
                tables=extents,
                progress=progress,
                beside=reading,
            )
            return reading.result()
        except pg_tools.ToolError as failure:
            # Whichever failed first, the end of the session that holds the snapshot is the reason for both; then what failed beside.
            session.execute("select")
            if reading.done():
                reading.result()
            raise Problem(f"The dump failed: {failure}", where=connection.describe(), do=HINT) from failure
        finally:
            stop.set()


def _finish(tools: pg_tools.Tools, partial: Path, folder: Path, content: Manifest) -> None:
    """Bring the files to the disk, the manifest last, and give the folder its name, which makes it a backup."""
    try:
        pg_tools.read_through(tools, partial / DUMP)
    except pg_tools.ToolError as failure:
        raise Problem(f"The dump cannot be read back: {failure}", where=str(partial), do=HINT) from failure
    files.settle(partial)
    with ThreadPoolExecutor(pg_tools.JOBS) as pool:
        paths = sorted(path for path in partial.rglob("*") if path.is_file())
        digests = list(pool.map(files.sha256_of, paths))
    content.files.extend(
        File(path.relative_to(partial).as_posix(), path.stat().st_size, digest)
        for path, digest in zip(paths, digests, strict=True)
    )
    content.write(partial)
    partial.rename(folder)
    files.sync(folder.parent)


def verify_backup(
    connection: Connection,
    backup: store.Backup,
    *,
    on: str = HERE,
    jobs: int | None = None,
    progress: Progress = silent,
) -> store.Backup:
    """Restore a backup on trial, compare it with the manifest, and record and list that it was identical.

    Raises:
        Problem: it is damaged, does not restore, or restores to something else.
    """
    with place(connection, backup, on, works=False) as there:
        return _verified(connection, backup, there, jobs, progress)


def _verified(
    connection: Connection, backup: store.Backup, there: Place, jobs: int | None, progress: Progress
) -> store.Backup:
    with restored(there, backup, jobs=jobs, progress=progress) as (_, verified):
        pass
    with pinned(connection) as session:
        listing.record(session, connection.audit_schema, verified)
    return verified


@contextlib.contextmanager
def restored(
    there: Place, backup: store.Backup, *, name: str = "", jobs: int | None = None, progress: Progress = silent
) -> Iterator[tuple[Connection, store.Backup]]:
    """A backup restored into a scratch database, of this name, and compared, for the block; that is recorded in its folder."""
    jobs = jobs or pg_tools.JOBS
    began = time.monotonic()
    content = backup.manifest
    manifest.check_files(backup.folder, content, progress)
    control = there.control
    with contextlib.ExitStack() as stack:
        stack.enter_context(there.reached())
        with pinned(control) as session:
            major = major_of(session)
            server_version = str(one_value(session, "show server_version"))
            require_major(content, major)
            tools = pg_tools.find(major)
            template, leave_out, unproven = prepared.start(control, session, backup)
            leave_out = [*leave_out, *prepared.casts_beyond(session, content)]
        scratch = stack.enter_context(scratch_database(control, content.state, template, name))
        try:
            pg_tools.restore(
                scratch,
                tools,
                backup,
                jobs=jobs,
                leave_out=leave_out,
                options=("--no-subscriptions",),
                step="test restore (bytes)",
                progress=progress,
            )
        except pg_tools.ToolError as failure:
            raise Problem(
                f"The backup {backup.backup_id} does not restore: {failure}",
                where=str(backup.folder),
                do="the live database is as it was; correct that and take another backup",
            ) from failure
        found = compare.differences(
            scratch, content, jobs=jobs, left_out=NOT_ON_TRIAL, unproven=unproven, progress=progress
        )
        compare.require_same(found, backup, "the live database is as it was; do not rely on this backup, take another")
        record = Verification(
            backup_id=backup.backup_id,
            manifest_sha256=content.checksum,
            verified_at=store.now().isoformat(),
            server_version=server_version,
            tables=len(content.tables),
            seconds=round(time.monotonic() - began, 1),
            apart=found.apart,
            elsewhere=[] if there.on == HERE else there.lines,
        )
        manifest.write_checked(backup.folder / manifest.VERIFIED, asdict(record))
        yield scratch, store.read(backup.folder)


def require_major(content: Manifest, major: int) -> None:
    """Refuse a server that is older than the backup's: PostgreSQL reads what older versions wrote, and not the other way."""
    if content.server_major > major:
        raise Problem(
            f"The backup {content.backup_id} is of PostgreSQL {content.server_major}, the server is PostgreSQL {major}",
            do=f"nothing was touched; restore it on a server of version {content.server_major} or newer",
        )
