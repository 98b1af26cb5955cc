"""Restores within the live database, in one transaction: for roles that may not create databases.

What is there is dropped, the backup is put in its place, compared with the manifest, and only then committed. A backup
of what is replaced is taken first, since no database is left that holds it.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psycopg

from driver.backup import (
    archive,
    catalogue,
    compare,
    database_state,
    fingerprints,
    journal,
    listing,
    pg_tools,
    store,
    verify,
)
from driver.backup.session import is_superuser, major_of, pinned
from driver.backup.take import take_backup
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driver.backup.archive import Progress
    from driver.backup.journal import Journal
    from driver.backup.pg_tools import Tools
    from driver.backup.restore import Restored
    from driver.backup.store import Backup
    from driver.profile import Connection

LOCK_TIMEOUT = "30s"
CHUNK = 1 << 18  # bytes
EVENT = "restored in place"
# Of the database as a whole, or a superuser's: dropping and making them again is more than this does.
BEYOND = {
    "access method",
    "cast",
    "event trigger",
    "foreign data wrapper",
    "foreign server",
    "language",
    "publication",
    "subscription",
    "transform",
}
# Whatever belongs to an extension stays with it.
FOREIGN_OWNERS = """
select distinct format('%s %s of %s', i.type, i.identity, pg_get_userbyid(o.owner))
from (
    select 'pg_class'::regclass as class, c.oid, c.relowner as owner, c.relnamespace as namespace
    from pg_class as c where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
    union all
    select 'pg_proc'::regclass, p.oid, p.proowner, p.pronamespace from pg_proc as p
    union all
    select 'pg_type'::regclass, t.oid, t.typowner, t.typnamespace from pg_type as t where t.typtype in ('d', 'e', 'r')
    union all
    select 'pg_namespace'::regclass, n.oid, n.nspowner, n.oid from pg_namespace as n where n.nspname <> 'public'
) as o
inner join pg_namespace as n on o.namespace = n.oid and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
cross join lateral pg_identify_object(o.class, o.oid, 0) as i
where not pg_has_role(o.owner, 'USAGE')
    and not exists (select from pg_depend as d where d.classid = o.class and d.objid = o.oid and d.deptype = 'e')
order by 1
"""
DROP_ALL = """
do $cmsid$
declare
    statement text;
begin
    for statement in
        select format('drop schema %I cascade', n.nspname)
        from pg_namespace as n
        where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'public')
            and not exists (
                select from pg_depend as d
                where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e'
            )
    loop
        execute statement;
    end loop;
    loop
        -- one at a time: what depends on it goes with it
        select format(
            'drop %s %s cascade',
            case i.type when 'statistics object' then 'statistics' when 'composite type' then 'type' else i.type end,
            i.identity
        )
        into statement
        from pg_depend as d
        cross join lateral pg_identify_object(d.classid, d.objid, 0) as i
        where d.refclassid = 'pg_namespace'::regclass
            and d.refobjid = (select oid from pg_namespace where nspname = 'public')
            and d.deptype = 'n'
            and d.classid not in ('pg_default_acl'::regclass, 'pg_extension'::regclass)
            and not exists (
                select from pg_depend as e
                where e.classid = d.classid and e.objid = d.objid and e.deptype in ('e', 'i')
            )
        limit 1;
        exit when statement is null;
        execute statement;
    end loop;
    perform lo_unlink(oid) from pg_largeobject_metadata;
end
$cmsid$
"""


def restore_in_place(
    connection: Connection,
    folder: Path,
    backup: Backup,
    *,
    jobs: int | None,
    directory: Path | None,
    progress: Progress | None,
) -> Restored:
    """Replace what is in the database by what is in the backup; all of it or nothing.

    Raises:
        Problem: it cannot be done; the database is as it was.
    """
    with pinned(connection) as session:
        _refuse_what_is_beyond(session, connection, backup)
    safety = take_backup(
        connection,
        directory=directory,
        jobs=jobs,
        purpose=f"what the restore of {backup.backup_id} replaced",
        progress=progress,
    )
    moment = store.stamp(store.now())
    made = journal.begin(
        folder,
        journal.Journal(
            restore_id=moment,
            mode=journal.IN_PLACE,
            backup_id=backup.backup_id,
            backup_folder=str(backup.folder),
            database=connection.dbname,
            live_oid=0,
            side_name="",
            side_oid=0,
            replaced_name="",
            safety_backup=safety.backup_id,
        ),
    )
    try:
        left = _replace(connection, backup, made, safety, progress)
    except (psycopg.OperationalError, psycopg.InterfaceError, Problem) as error:
        raise _end(connection, folder, made, error) from error
    except BaseException:
        journal.finish(folder, made, journal.GIVEN_UP)
        raise
    return _complete(connection, folder, made, left)


def resume_in_place(
    connection: Connection,
    folder: Path,
    made: Journal,
    *,
    jobs: int | None,
    directory: Path | None,
    progress: Progress | None,
) -> Restored:
    """Find out whether an interrupted restore was committed, and do it again if not."""
    if _is_committed(connection, made):
        return _complete(connection, folder, made, [])
    journal.finish(folder, made, journal.GIVEN_UP)
    backup = store.read(Path(made.backup_folder))
    verify.check(backup, progress)
    return restore_in_place(connection, folder, backup, jobs=jobs, directory=directory, progress=progress)


def abandon_in_place(connection: Connection, folder: Path, made: Journal) -> str:
    """Close the books on an interrupted restore, which undid itself unless it was committed."""
    if _is_committed(connection, made):
        raise Problem(
            f"{made.database} already is {made.backup_id}, so there is nothing to give up",
            do=f"run `scripts/cmsid restore` to finish; what was replaced is the backup {made.safety_backup}",
        )
    journal.finish(folder, made, journal.GIVEN_UP)
    return f"The restore of {made.backup_id} is given up; {made.database} is as it was."


def _replace(
    connection: Connection, backup: Backup, made: Journal, safety: Backup, progress: Progress | None
) -> list[str]:
    """The transaction. Returns what this role may not set."""
    manifest = backup.manifest
    tables = {table.label: archive.Extent(table.bytes, table.rows) for table in manifest.tables}
    with pinned(connection) as session, tempfile.TemporaryDirectory(prefix="cmsid-") as temporary:
        tools = pg_tools.find(major_of(session))
        options = _contents(tools, backup, Path(temporary), is_superuser(session))
        with session.transaction():
            session.execute("set local client_min_messages = error")
            session.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'".encode())
            try:
                session.execute(DROP_ALL)
            except psycopg.errors.LockNotAvailable as error:
                raise _blocked(connection) from error
            _run_section(session, tools, backup, "pre-data", options)
            _load(session, tools, backup, options, tables, progress)
            _run_section(session, tools, backup, "post-data", options)
            session.execute("select set_config('search_path', '', true)")
            found = compare.table_differences(
                [fingerprints.read_one(session, query) for query in fingerprints.queries(session)], manifest.tables
            )
            found += compare.other_differences(session, manifest, connection.audit_schema)
            if found:
                raise Problem(
                    f"The backup {manifest.backup_id} restored to something else: {compare.in_short(found)}",
                    where=str(backup.folder),
                    do="everything was rolled back and the database is as it was",
                )
            left = database_state.apply(session, connection.dbname, manifest.state)
            listing.record(session, connection.audit_schema, backup)
            listing.record(session, connection.audit_schema, safety)
            # This row tells, after a lost connection, whether the transaction was committed.
            listing.log(session, connection.audit_schema, EVENT, _evidence(made))
    return left


def _run_section(
    session: psycopg.Connection[Any], tools: Tools, backup: Backup, section: str, options: Sequence[str]
) -> None:
    """Run the definitions of a part of the dump."""
    answer = subprocess.run(
        [tools.pg_restore, f"--section={section}", "--file=-", *options, str(backup.dump)],
        capture_output=True,
        check=False,
    )
    if answer.returncode:
        raise _unreadable(backup, answer.returncode, answer.stderr)
    _execute(session, backup, _without_meta(answer.stdout))


def _load(
    session: psycopg.Connection[Any],
    tools: Tools,
    backup: Backup,
    options: Sequence[str],
    tables: dict[str, archive.Extent],
    progress: Progress | None,
) -> None:
    """Load the rows. In this part of a dump no line but PostgreSQL's own begins a COPY."""
    total, done = sum(extent.bytes for extent in tables.values()), 0
    command = [tools.pg_restore, "--section=data", "--file=-", *options, str(backup.dump)]
    with tempfile.TemporaryFile() as messages:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages)
        assert child.stdout is not None
        try:
            pending: list[bytes] = []
            for line in child.stdout:
                if not (line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n")):
                    pending.append(line)
                    continue
                _execute(session, backup, _without_meta(b"".join(pending)))
                pending = []
                done += _copy(session, backup, line, child.stdout, tables)
                if progress:
                    progress("restore (bytes)", min(done, total), total)
            if child.wait():
                messages.seek(0)
                raise _unreadable(backup, child.returncode, messages.read())
            _execute(session, backup, _without_meta(b"".join(pending)))
        finally:
            child.kill()
            child.wait()
            child.stdout.close()
    if progress:
        progress("restore (bytes)", total, total)


def _copy(
    session: psycopg.Connection[Any],
    backup: Backup,
    statement: bytes,
    lines: IO[bytes],
    tables: dict[str, archive.Extent],
) -> int:
    """Load one table's rows. Returns the table's size in bytes, as far as it is known."""
    try:
        with session.cursor() as cursor, cursor.copy(statement) as copy:
            piece, size = [], 0
            for line in lines:
                if line == b"\\.\n":
                    break
                piece.append(line)
                size += len(line)
                if size >= CHUNK:
                    copy.write(b"".join(piece))
                    piece, size = [], 0
            else:
                raise Problem(
                    "The dump ends in the middle of a table",
                    where=str(backup.dump),
                    do="everything was rolled back and the database is as it was",
                )
            copy.write(b"".join(piece))
    except psycopg.Error as error:
        raise _failed(backup, error) from error
    name = statement.split(b" ", 2)[1].decode(errors="replace")
    return tables[name].bytes if name in tables else 0


def _execute(session: psycopg.Connection[Any], backup: Backup, script: bytes) -> None:
    if not script.strip():
        return
    try:
        session.execute(script)
    except psycopg.errors.LockNotAvailable:
        raise
    except psycopg.Error as error:
        if isinstance(error, psycopg.OperationalError) and session.closed:
            raise
        raise _failed(backup, error) from error


def _without_meta(script: bytes) -> bytes:
    """A script without psql's own lines, which newer versions put around it."""
    return b"".join(
        line for line in script.splitlines(keepends=True) if not line.startswith((b"\\restrict ", b"\\unrestrict "))
    )


def _contents(tools: Tools, backup: Backup, temporary: Path, superuser: bool) -> list[str]:
    """The options that leave out what only a superuser may do."""
    if superuser:
        return []
    kept = [
        line for line in archive.table_of_contents(tools, backup.dump) if f" {verify.EXTENSION_COMMENTS}" not in line
    ]
    use_list = temporary / "contents"
    use_list.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return [f"--use-list={use_list}"]


def _refuse_what_is_beyond(session: psycopg.Connection[Any], connection: Connection, backup: Backup) -> None:
    manifest = backup.manifest
    hint = "nothing was touched; have a superuser run `alter role ... createdb` and restore without --in-place"
    others = [row[0] for row in session.execute(FOREIGN_OWNERS).fetchall()]
    if others:
        raise Problem(f"Objects of other roles cannot be replaced in place: {compare.in_short(others)}", do=hint)
    present = catalogue.read(session, connection.audit_schema)
    beyond = sorted({f"{kind} {name}" for kind, name, _ in [*present, *manifest.catalogue] if kind in BEYOND})
    if beyond:
        raise Problem(f"These cannot be replaced in place: {compare.in_short(beyond)}", do=hint)
    state = database_state.read(session, connection.dbname)
    fixed = ("encoding", "lc_collate", "lc_ctype", "locale_provider", "locale", "icu_rules", "tablespace", "owner")
    differing = database_state.differences(
        {key: state[key] for key in fixed}, {key: manifest.state[key] for key in fixed}
    )
    if differing:
        raise Problem(f"The database is not of the backup's kind: {compare.in_short(differing)}", do=hint)


def _complete(connection: Connection, folder: Path, made: Journal, left: list[str]) -> Restored:
    from driver.backup.restore import Restored, count_students

    with pinned(connection) as session:
        session.execute("analyze")
        students = count_students(session)
    journal.finish(folder, made, journal.DONE)
    tables = len(store.read(Path(made.backup_folder)).manifest.tables)
    return Restored(made.backup_id, made.database, "", made.safety_backup, tables, students, left)


def _evidence(made: Journal) -> str:
    return f"backup {made.backup_id}, restore {made.restore_id}; what it replaced is the backup {made.safety_backup}"


def _is_committed(connection: Connection, made: Journal) -> bool:
    with pinned(connection) as session:
        return listing.has_event(session, connection.audit_schema, EVENT, _evidence(made))


def _end(connection: Connection, folder: Path, made: Journal, error: Exception) -> Problem:
    """Close the books after a failure, if the server can be asked how it ended."""
    committed: bool | None
    try:
        committed = _is_committed(connection, made)
    except (Problem, psycopg.Error):
        committed = None
    reason = error.what if isinstance(error, Problem) else " ".join(str(error).split())
    if committed is False:
        journal.finish(folder, made, journal.GIVEN_UP)
        if isinstance(error, Problem):
            return error
        return Problem(f"The restore failed and was rolled back: {reason}", do="the database is as it was")
    return Problem(
        f"The restore was interrupted: {reason}",
        do=f"either all of it is done or nothing; once the server answers, `scripts/cmsid restore` finds out and goes on"
        f" (what it replaces is also in the backup {made.safety_backup})",
    )


def _blocked(connection: Connection) -> Problem:
    from driver.backup import swap

    with pinned(connection) as session:
        present = [other for other in swap.sessions(session, connection.dbname) if other.state != "idle"]
    return Problem(
        f"The tables are in use: {', '.join(session.describe() for session in present[:3]) or 'by somebody who has gone'}",
        do="everything was rolled back; end those sessions, then run this again",
    )


def _failed(backup: Backup, error: psycopg.Error) -> Problem:
    reason = error.diag.message_primary or " ".join(str(error).split())
    return Problem(
        f"The backup {backup.backup_id} does not restore: {reason}",
        where=str(backup.folder),
        do="everything was rolled back and the database is as it was",
    )


def _unreadable(backup: Backup, code: int, messages: bytes) -> Problem:
    failure = archive.ToolFailure("pg_restore", code, messages.decode(errors="replace").splitlines())
    return Problem(
        f"The dump cannot be read: {failure.reason}",
        where=str(backup.dump),
        do="everything was rolled back and the database is as it was",
    )
