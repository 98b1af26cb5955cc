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
from driver.backup.outcome import Restored, count_students
from driver.backup.session import major_of, pin, pinned
from driver.backup.take import take_backup
from driver.errors import Problem, why
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from driver.backup.beside import Work
    from driver.backup.journal import Journal
    from driver.backup.store import Backup
    from driver.profile import Connection

LOCK_TIMEOUT = "30s"
EVENT = "restored in place"
ROLLED_BACK = "everything was rolled back and the database is as it was"
KIND = ("encoding", "lc_collate", "lc_ctype", "locale_provider", "locale", "icu_rules", "tablespace", "owner")


def restore_in_place(work: Work, directory: Path | None) -> Restored:
    """Replace what is in the database by what is in the backup; all of it or nothing.

    Raises:
        Problem: it cannot be done; the database is as it was.
    """
    _refuse_unless_possible(work.connection, work.backup)
    verify.check(work.backup, work.progress)
    safety = take_backup(
        work.connection, directory=directory, jobs=work.jobs, purpose=store.SAFETY_COPY, progress=work.progress
    )
    work.journal = journal.begin(work.folder, replace(work.journal, safety_backup=safety.backup_id))
    try:
        _replace(work, safety)
    except BaseException as error:
        _end(work, error)
        raise
    return _complete(work)


def resume_in_place(work: Work, directory: Path | None) -> Restored:
    """Find out whether an interrupted restore was committed, and do it again if not."""
    if _is_committed(work.connection, work.journal):
        return _complete(work)
    journal.finish(work.folder, work.journal, journal.GIVEN_UP)
    work.journal = new_journal(work.connection, work.backup)
    return restore_in_place(work, directory)


def abandon_in_place(connection: Connection, folder: Path, made: Journal) -> str:
    """Close the books on an interrupted restore, which undid itself unless it was committed."""
    if _is_committed(connection, made):
        raise Problem(
            f"{made.database} already is {made.backup_id}, so there is nothing to give up",
            do=f"run `scripts/cmsid restore` to finish; what was replaced is the backup {made.safety_backup}",
        )
    journal.finish(folder, made, journal.GIVEN_UP)
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


def _replace(work: Work, safety: Backup) -> None:
    """The transaction."""
    connection, backup, manifest = work.connection, work.backup, work.backup.manifest
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
            rows = compare.table_differences(tables, manifest.tables, unproven)
            others = compare.other_differences(session, manifest, connection.audit_schema)
            if found := rows.differences + others.differences:
                raise Problem(
                    f"The backup {manifest.backup_id} restored to something else: {compare.in_short(found)}",
                    where=str(backup.folder),
                    do=ROLLED_BACK,
                )
            work.apart = others.apart + rows.apart
            work.left = database_state.apply(session, connection.dbname, manifest.state)
            catalogue.rewrite_baseline(session, connection.audit_schema, others.rewritten)
            listing.record(session, connection.audit_schema, backup)
            listing.record(session, connection.audit_schema, safety)
            # This row tells, after a lost connection, whether the transaction was committed.
            listing.log(session, connection.audit_schema, EVENT, _evidence(work.journal))


def _complete(work: Work) -> Restored:
    with pinned(work.connection) as session:
        session.execute("analyze")
        students = count_students(session)
    made, tables = work.journal, len(work.backup.manifest.tables)
    journal.finish(work.folder, made, journal.DONE)
    return Restored(made.backup_id, made.database, "", made.safety_backup, tables, students, work.left, work.apart)


def _evidence(made: Journal) -> str:
    return f"backup {made.backup_id}, restore {made.restore_id}; what it replaced is the backup {made.safety_backup}"


def _is_committed(connection: Connection, made: Journal) -> bool:
    with pinned(connection) as session:
        return listing.has_event(session, connection.audit_schema, EVENT, _evidence(made))


def _end(work: Work, error: BaseException) -> None:
    """Close the books after a failure, if the server can be asked how it ended.

    Raises:
        Problem: what failed, and how it ended.
    """
    made, is_known, committed = work.journal, isinstance(error, (psycopg.Error, archive.ToolError, Problem)), True
    # Where the server cannot be asked, the journal stays, and the next attempt finds out.
    with contextlib.suppress(Problem, psycopg.Error):
        committed = _is_committed(work.connection, made)
    if not committed:
        journal.finish(work.folder, made, journal.GIVEN_UP)
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
