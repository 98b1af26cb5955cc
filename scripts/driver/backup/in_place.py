"""Restores within the live database, in one transaction: for roles that may not create databases.

What is there is dropped, the backup is put in its place, compared with the manifest, and only then committed. A backup
of what is replaced is taken first, since no database is left that holds it.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from driver.backup.outcome import Restored, count_students
from driver.backup.script import ROLLED_BACK, Script
from driver.backup.session import is_superuser, major_of, pinned
from driver.backup.take import take_backup
from driver.errors import Problem, why

if TYPE_CHECKING:
    from driver.backup.archive import Progress
    from driver.backup.journal import Journal
    from driver.backup.store import Backup
    from driver.profile import Connection

LOCK_TIMEOUT = "30s"
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
        purpose=store.SAFETY_COPY,
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
        left, apart = _replace(connection, backup, made, safety, progress)
    except (psycopg.OperationalError, psycopg.InterfaceError, Problem) as error:
        raise _end(connection, folder, made, error) from error
    except BaseException:
        # Where the server cannot be asked, the journal stays, and the next attempt finds out.
        with contextlib.suppress(Problem, psycopg.Error):
            if not _is_committed(connection, made):
                journal.finish(folder, made, journal.GIVEN_UP)
        raise
    return _complete(connection, folder, made, left, apart)


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
        return _complete(connection, folder, made, [], [])
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
) -> tuple[list[str], list[str]]:
    """The transaction. Returns what this role may not set, and what no restore brings back."""
    manifest = backup.manifest
    with pinned(connection) as session, tempfile.TemporaryDirectory(prefix="cmsid-") as temporary:
        leave_out = () if is_superuser(session) else (verify.EXTENSION_COMMENTS,)
        tools = pg_tools.find(major_of(session))
        script = Script(session, tools, backup, archive.selection(tools, backup.dump, leave_out, Path(temporary)))
        with session.transaction():
            session.execute("set local client_min_messages = error")
            session.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'".encode())
            try:
                session.execute(DROP_ALL)
            except psycopg.errors.LockNotAvailable as error:
                raise _blocked(connection) from error
            script.run("pre-data")
            script.load(progress)
            script.run("post-data")
            session.execute("select set_config('search_path', '', true)")
            found = compare.table_differences(
                [fingerprints.read_one(session, query) for query in fingerprints.queries(session)], manifest.tables
            )
            others = compare.other_differences(session, manifest, connection.audit_schema)
            found += others.differences
            if found:
                raise Problem(
                    f"The backup {manifest.backup_id} restored to something else: {compare.in_short(found)}",
                    where=str(backup.folder),
                    do=ROLLED_BACK,
                )
            left = database_state.apply(session, connection.dbname, manifest.state)
            catalogue.rewrite_baseline(session, connection.audit_schema, others.rewritten)
            listing.record(session, connection.audit_schema, backup)
            listing.record(session, connection.audit_schema, safety)
            # This row tells, after a lost connection, whether the transaction was committed.
            listing.log(session, connection.audit_schema, EVENT, _evidence(made))
    return left, others.apart


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


def _complete(connection: Connection, folder: Path, made: Journal, left: list[str], apart: list[str]) -> Restored:
    with pinned(connection) as session:
        session.execute("analyze")
        students = count_students(session)
    journal.finish(folder, made, journal.DONE)
    tables = len(store.read(Path(made.backup_folder)).manifest.tables)
    return Restored(made.backup_id, made.database, "", made.safety_backup, tables, students, left, apart)


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
    reason = why(error)
    if committed is False:
        journal.finish(folder, made, journal.GIVEN_UP)
        if isinstance(error, Problem):
            return error
        return Problem(f"The restore failed and was rolled back: {reason}", do="the database is as it was")
    return Problem(
        f"The restore was interrupted: {reason}",
        do="either all of it is done or nothing; once the server answers, `scripts/cmsid restore` finds out and goes"
        f" on (what it replaces is also in the backup {made.safety_backup})",
    )


def _blocked(connection: Connection) -> Problem:
    from driver.backup import swap

    with pinned(connection) as session:
        present = [other for other in swap.sessions(session, connection.dbname) if other.state != "idle"]
    users = ", ".join(session.describe() for session in present[:3]) or "by somebody who has gone"
    return Problem(
        f"The tables are in use: {users}",
        do="everything was rolled back; end those sessions, then run this again",
    )
