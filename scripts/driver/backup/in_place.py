"""Restores within the live database, in one transaction: for roles that may not create databases.

What is there is dropped, the backup is put in its place, compared with the manifest, and only then committed. A backup
of what is replaced is taken first, since no database is left that holds it.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from driver.backup import (
    archive,
    catalogue,
    compare,
    database_state,
    fingerprints,
    hindrances,
    journal,
    listing,
    pg_tools,
    prepared,
    script,
    store,
    swap,
    verify,
)
from driver.backup.session import major_of, pin, pinned
from driver.backup.take import take_backup
from driver.backup.work import Restored, Work, count_students
from driver.errors import Problem, why
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from driver.backup.journal import Journal
    from driver.backup.store import Backup
    from driver.profile import Connection

LOCK_TIMEOUT = "30s"
EVENT = "restored in place"
ROLLED_BACK = "everything was rolled back and the database is as it was"
KIND = ("encoding", "lc_collate", "lc_ctype", "locale_provider", "locale", "icu_rules", "tablespace", "owner")


def restore_in_place(work: Work, backup: Backup, directory: Path | None) -> Restored:
    """Replace what is in the database by what is in the backup; all of it or nothing.

    Raises:
        Problem: it cannot be done; the database is as it was.
    """
    _refuse_unless_possible(work.connection, backup)
    verify.check(backup, work.progress)
    safety = take_backup(
        work.connection, directory=directory, jobs=work.jobs, purpose=store.SAFETY_COPY, progress=work.progress
    )
    work.journal = journal.begin(work.folder, replace(work.journal, safety_backup=safety.backup_id))
    try:
        _replace(work, backup, safety)
    except BaseException as error:
        _end(work, error)
        raise
    return _complete(work, backup)


def resume_in_place(work: Work, backup: Backup, directory: Path | None) -> Restored:
    """Find out whether an interrupted restore was committed, and do it again if not."""
    if _is_committed(work):
        return _complete(work, backup)
    work.end(journal.GIVEN_UP)
    work.journal = new_journal(work.connection, backup)
    return restore_in_place(work, backup, directory)


def abandon_in_place(work: Work) -> str:
    """Close the books on an interrupted restore, which undid itself unless it was committed."""
    made = work.journal
    if _is_committed(work):
        raise Problem(
            f"{made.database} already is {made.backup_id}, so there is nothing to give up",
            do=f"run `scripts/cmsid restore` to finish; what was replaced is the backup {made.safety_backup}",
        )
    work.end(journal.GIVEN_UP)
    return f"The restore of {made.backup_id} is given up; {made.database} is as it was."


def new_journal(connection: Connection, backup: Backup) -> Journal:
    """The journal of a restore in place that begins now."""
    moment, folder = store.stamp(store.now()), str(backup.folder)
    return journal.Journal(moment, journal.IN_PLACE, backup.backup_id, folder, connection.dbname, 0, "", 0, "")


def _refuse_unless_possible(connection: Connection, backup: Backup) -> None:
    """Refuse what the transaction could only fail at; nothing was touched."""
    with pinned(connection) as session:
        hindrances.require(session, connection, hindrances.IN_PLACE, objects=len(backup.manifest.catalogue))
        present = database_state.read(session, connection.dbname)
    wanted = {key: backup.manifest.state[key] for key in KIND}
    if found := database_state.differences({key: present[key] for key in KIND}, wanted):
        raise Problem(
            f"The database is not of the backup's kind: {compare.in_short(found)}",
            do="nothing was touched; have a superuser run `alter role ... createdb` and restore without --in-place",
        )


def _replace(work: Work, backup: Backup, safety: Backup) -> None:
    """The transaction."""
    connection, manifest = work.connection, backup.manifest
    sizes = {table.label.encode(): table.bytes for table in manifest.tables}
    done: list[int] = []

    def copied(table: bytes) -> None:
        done.append(sizes.get(table, 0))
        if work.progress:
            work.progress("restore (bytes)", sum(done), sum(sizes.values()))

    with pinned(connection) as session, tempfile.TemporaryDirectory(prefix="cmsid-") as temporary:
        tools = pg_tools.find(major_of(session))
        with session.transaction():
            session.execute(
                f"set local lock_timeout = '{LOCK_TIMEOUT}'; set local client_min_messages = error".encode()
            )
            session.execute(render_macro("database_emptying").encode())
            entries, unproven = prepared.left_out(session, tools, backup.dump)
            options = archive.selection(tools, backup.dump, entries, Path(temporary))
            script.run(session, [tools.pg_restore, "--file=-", *options, str(backup.dump)], copied)
            pin(session)
            tables = [fingerprints.read_one(session, query) for query in fingerprints.queries(session)]
            rows = compare.table_differences(session, tables, manifest.tables, unproven)
            others = compare.other_differences(session, manifest, connection.audit_schema)
            work.found = compare.together(rows, others)
            if found := work.found.differences:
                raise Problem(
                    f"The backup {manifest.backup_id} restored to something else: {compare.in_short(found)}",
                    where=str(backup.folder),
                    do=ROLLED_BACK,
                )
            work.left = database_state.apply(session, connection.dbname, manifest.state)
            catalogue.rewrite_baseline(session, connection.audit_schema, work.found.rewritten)
            listing.record(session, connection.audit_schema, backup)
            listing.record(session, connection.audit_schema, safety)
            # This row tells, after a lost connection, whether the transaction was committed.
            listing.log(session, connection.audit_schema, EVENT, _evidence(work.journal))


def _complete(work: Work, backup: Backup) -> Restored:
    with pinned(work.connection) as session:
        session.execute("analyze")
        students = count_students(session)
    made, tables = work.journal, len(backup.manifest.tables)
    work.end(journal.DONE)
    return Restored(
        made.backup_id,
        made.database,
        students,
        safety_backup=made.safety_backup,
        tables=tables,
        left=work.left,
        apart=work.found.apart,
    )


def _evidence(made: Journal) -> str:
    return f"backup {made.backup_id}, restore {made.restore_id}; what it replaced is the backup {made.safety_backup}"


def _is_committed(work: Work) -> bool:
    with pinned(work.connection) as session:
        return listing.has_event(session, work.connection.audit_schema, EVENT, _evidence(work.journal))


def _end(work: Work, error: BaseException) -> None:
    """Close the books after a failure, if the server can be asked how it ended.

    Raises:
        Problem: what failed, and how it ended.
    """
    made, is_known, committed = work.journal, isinstance(error, (psycopg.Error, archive.ToolError, Problem)), True
    # Where the server cannot be asked, the journal stays, and the next attempt finds out.
    with contextlib.suppress(Problem, psycopg.Error):
        committed = _is_committed(work)
    if not committed:
        work.end(journal.GIVEN_UP)
        if isinstance(error, psycopg.errors.LockNotAvailable):
            with pinned(work.connection) as session:
                present = [other for other in swap.sessions(session, made.database) if other.state != "idle"]
            users = ", ".join(other.describe() for other in present[:3]) or "by somebody who has gone"
            do = f"{ROLLED_BACK}; end those sessions, then run this again"
            raise Problem(f"The tables are in use: {users}", do=do) from error
        if is_known and not isinstance(error, Problem):
            what = f"The backup {made.backup_id} does not restore: {why(error)}"
            raise Problem(what, where=made.backup_folder, do=ROLLED_BACK) from error
    elif is_known:
        raise Problem(
            f"The restore was interrupted: {why(error)}",
            do="either all of it is done or nothing; once the server answers, `scripts/cmsid restore` finds out and"
            f" goes on (what it replaces is also in the backup {made.safety_backup})",
        ) from error
