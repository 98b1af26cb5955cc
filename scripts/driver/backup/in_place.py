"""Restores within the live database, in one transaction: for roles that may not create databases.

What is there is dropped, the backup is put in its place, compared with the manifest, and only then committed. A backup
of what is replaced is taken first, since no database is left that holds it.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from driver.backup import (
    catalogue,
    compare,
    database_state,
    hindrances,
    journal,
    listing,
    manifest,
    pg_tools,
    prepared,
    store,
    swap,
)
from driver.backup.session import Session, major_of, pin, pinned
from driver.backup.take import take_backup
from driver.errors import Problem, why
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from driver.profile import Connection

LOCK_TIMEOUT = "30s"
EVENT = "restored in place"
ROLLED_BACK = "everything was rolled back and the database is as it was"
KIND = ("encoding", "lc_collate", "lc_ctype", "locale_provider", "locale", "icu_rules", "tablespace", "owner")
LINES = 100  # of a table at a time
HEADER = re.compile(rb"^-- (?:Data for )?Name: (.+); Type: (.+); Schema: (.+); Owner:", re.MULTILINE)
# Around a script for psql, and around large objects for sessions that are in no transaction.
FOR_OTHERS = (rb"\restrict ", rb"\unrestrict ", b"BEGIN;\n", b"COMMIT;\n")


def restore_in_place(work: journal.Work, backup: store.Backup, directory: Path | None) -> journal.Restored:
    """Replace what is in the database by what is in the backup; all of it or nothing."""
    _refuse_unless_possible(work.connection, backup)
    manifest.check_files(backup.folder, backup.manifest, work.progress)
    safety = take_backup(
        work.connection, directory=directory, jobs=work.jobs, purpose=store.SAFETY_COPY, progress=work.progress
    )
    work.journal = replace(work.journal, safety_backup=safety.backup_id)
    work.done(journal.BEGUN)
    try:
        _replace(work, backup, safety)
    except BaseException as error:
        _end(work, error)
        raise
    return _complete(work, backup)


def resume_in_place(work: journal.Work, backup: store.Backup, directory: Path | None) -> journal.Restored:
    """Find out whether an interrupted restore was committed, and do it again if not."""
    if _is_committed(work):
        return _complete(work, backup)
    work.end(journal.GIVEN_UP)
    work.journal = new_journal(work.connection, backup)
    return restore_in_place(work, backup, directory)


def abandon_in_place(work: journal.Work) -> str:
    """Close the books on an interrupted restore, which undid itself unless it was committed."""
    made = work.journal
    if _is_committed(work):
        raise Problem(
            f"{made.database} already is {made.backup_id}, so there is nothing to give up",
            do=f"run `scripts/cmsid restore` to finish; what was replaced is the backup {made.safety_backup}",
        )
    work.end(journal.GIVEN_UP)
    return f"The restore of {made.backup_id} is given up; {made.database} is as it was."


def new_journal(connection: Connection, backup: store.Backup) -> journal.Journal:
    """The journal of a restore in place that begins now."""
    moment, folder = store.stamp(store.now()), str(backup.folder)
    return journal.Journal(moment, journal.IN_PLACE, backup.backup_id, folder, connection.dbname, 0, "", 0, "")


def _refuse_unless_possible(connection: Connection, backup: store.Backup) -> None:
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


def _replace(work: journal.Work, backup: store.Backup, safety: store.Backup) -> None:
    """The transaction."""
    connection, content = work.connection, backup.manifest
    sizes = {table.label.encode(): table.bytes for table in content.tables}
    done: list[int] = []

    def copied(table: bytes) -> None:
        done.append(sizes.get(table, 0))
        work.progress("restore (bytes)", sum(done), sum(sizes.values()))

    with pinned(connection) as session, tempfile.TemporaryDirectory(prefix="cmsid-") as temporary:
        tools = pg_tools.find(major_of(session))
        with session.transaction():
            session.execute(
                f"set local lock_timeout = '{LOCK_TIMEOUT}'; set local client_min_messages = error".encode()
            )
            session.execute(render_macro("database_emptying").encode())
            entries, unproven = prepared.left_out(session, tools, backup.dump)
            options = pg_tools.selection(tools, backup.dump, entries, Path(temporary))
            _run(session, [tools.pg_restore, "--file=-", *options, str(backup.dump)], copied)
            pin(session)
            tables = [compare.read_one(session, query) for query in compare.queries(session)]
            work.found = compare.compared(session, tables, content, connection.audit_schema, unproven=unproven)
            compare.require_same(work.found, backup, ROLLED_BACK)
            work.left = database_state.apply(session, connection.dbname, content.state)
            catalogue.rewrite_baseline(session, connection.audit_schema, work.found.rewritten)
            listing.record(session, connection.audit_schema, backup)
            listing.record(session, connection.audit_schema, safety)
            # This row tells, after a lost connection, whether the transaction was committed.
            listing.log(session, connection.audit_schema, EVENT, _evidence(work.journal))


def _complete(work: journal.Work, backup: store.Backup) -> journal.Restored:
    with pinned(work.connection) as session:
        session.execute("analyze")
        return work.finish(session, backup)


def _evidence(made: journal.Journal) -> str:
    return f"backup {made.backup_id}, restore {made.restore_id}; what it replaced is the backup {made.safety_backup}"


def _is_committed(work: journal.Work) -> bool:
    with pinned(work.connection) as session:
        return listing.has_event(session, work.connection.audit_schema, EVENT, _evidence(work.journal))


def _end(work: journal.Work, error: BaseException) -> None:
    """Close the books after a failure, if the server can be asked how it ended."""
    made, is_known, committed = work.journal, isinstance(error, (psycopg.Error, pg_tools.ToolError, Problem)), True
    # Where the server cannot be asked, the journal stays, and the next attempt finds out.
    with contextlib.suppress(Problem, psycopg.Error):
        committed = _is_committed(work)
    if not committed:
        work.end(journal.GIVEN_UP)
        if isinstance(error, psycopg.errors.LockNotAvailable):
            with pinned(work.connection) as session:
                present = [other for other in swap.sessions(session, made.database) if other.state != "idle"]
            users = ", ".join(other.told for other in present[:3]) or "by somebody who has gone"
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


def _refused(text: bytes, error: psycopg.Error) -> pg_tools.ToolError:
    """What the server said of an entry of the dump, which the comment before it names."""
    name, kind, schema = (part.decode(errors="replace") for part in (HEADER.findall(text) or [(b"", b"", b"")])[-1])
    entry = f"{kind} {name}: " if schema == "-" else f"{kind} {schema}.{name}: "
    return pg_tools.ToolError((entry if kind else "") + why(error))


def _run(session: Session, command: Sequence[str], copied: Callable[[bytes], None]) -> None:
    """Run what pg_restore prints in the session's transaction; `copied` is called with each table whose rows are there."""
    for section, play in (("pre-data", _define), ("data", _load), ("post-data", _define)):
        with (
            tempfile.TemporaryFile() as messages,
            subprocess.Popen([*command, f"--section={section}"], stdout=subprocess.PIPE, stderr=messages) as child,
        ):
            try:
                play(session, iter(child.stdout or ()), copied)
                code = child.wait()
            finally:
                child.kill()
            messages.seek(0)
            if code:
                lines = messages.read().decode(errors="replace").splitlines()
                raise pg_tools.ToolError(pg_tools.reason("pg_restore", code, lines))


def _define(session: Session, lines: Iterator[bytes], _: Callable[[bytes], None]) -> None:
    """Run a part without rows in one piece: only the server knows where the body of a function ends."""
    text = b"".join(line for line in lines if not line.startswith(FOR_OTHERS[:2]))
    # The server reads the whole text before it runs any of it, so it has to know the encoding before.
    encoding = re.search(rb"^SET client_encoding = '\w+';$", text, re.MULTILINE)
    try:
        with session.transaction():
            if encoding:
                session.execute(encoding[0])
            session.execute(text)
    except psycopg.Error:
        # Again, entry by entry, to learn which it was.
        for piece in () if session.closed else re.split(rb"^(?=--\n-- Name: )", text, flags=re.MULTILINE):
            try:
                session.execute(piece)
            except psycopg.Error as error:
                raise _refused(piece, error) from error
        raise


def _load(session: Session, lines: Iterator[bytes], copied: Callable[[bytes], None]) -> None:
    """Load the rows. In this part a statement ends with its line, and only PostgreSQL's own begin with COPY."""
    header, statement = b"", b""
    for line in lines:
        if not statement and (line.startswith((b"--", b"\n", *FOR_OTHERS))):
            header = line if HEADER.match(line) else header
            continue
        statement += line
        if not line.endswith(b";\n") or statement.count(b'"') % 2:
            continue
        try:
            if statement.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
                with session.cursor() as cursor, cursor.copy(statement) as copy:
                    # Ends with the rows, or with pg_restore, which says then why it ended.
                    rows = iter(lines.__next__, b"\\.\n")
                    while piece := b"".join(islice(rows, LINES)):
                        if not piece.endswith(b"\n"):
                            raise pg_tools.ToolError("the dump ends in the middle of a table")
                        copy.write(piece)
                copied(statement.split(b" ", 2)[1])
            else:
                session.execute(statement)
        except psycopg.Error as error:
            if session.closed:
                raise
            raise _refused(header, error) from error
        statement = b""
