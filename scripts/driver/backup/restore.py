"""Restores a backup beside the live database, compares it, and puts it in the live one's place, which is kept.

Each step is in a journal. After a crash `resume` goes on and `abandon` goes back; both ask the server how far it came.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from driver.backup import archive, compare, database_state, files, journal, listing, pg_tools, scratch, store, swap, verify
from driver.backup.session import elsewhere, is_superuser, major_of, pinned
from driver.backup.take import system_identifier, usual_jobs
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.backup.archive import Progress
    from driver.backup.journal import Journal
    from driver.backup.store import Backup
    from driver.profile import Connection

STUDENTS = "students"
UNTOUCHED = "the live database is as it was"


@dataclass(frozen=True)
class Plan:
    """What a restore is about to do, for the person who is asked.

    Attributes:
        backup: the backup.
        database: the database it goes to.
        sessions: who is connected to that now; they will be disconnected.
        warnings: what else to know.
        replaces: whether there is a database to be replaced.
    """

    backup: Backup
    database: str
    sessions: list[swap.Session]
    warnings: list[str]
    replaces: bool


@dataclass(frozen=True)
class Restored:
    """What came of a restore.

    Attributes:
        backup_id: the backup that is live now.
        database: under which name.
        replaced: the name of the database that was replaced; empty if there was none or it was restored in place.
        safety_backup: in place: the backup of what was replaced.
        tables: how many tables were compared.
        students: the rows of the students table; None if there is no such table.
        left: statements that a superuser has to run, each with the reason.
    """

    backup_id: str
    database: str
    replaced: str
    safety_backup: str
    tables: int
    students: int | None
    left: list[str] = field(default_factory=list)


@dataclass
class Work:
    """What the steps of a restore share."""

    connection: Connection
    control: psycopg.Connection[Any]
    folder: Path
    backup: Backup
    jobs: int
    progress: Progress | None
    journal: Journal
    left: list[str] = field(default_factory=list)

    def done(self, step: str, side_oid: int | None = None) -> None:
        """Write down a step."""
        self.journal = journal.record(self.folder, self.journal, step, side_oid)

    @property
    def side(self) -> Connection:
        """The database that takes the live one's place."""
        return self.connection.to_database(self.journal.side_name)


def plan(
    connection: Connection, backup: Backup, *, in_place: bool = False, from_elsewhere: bool = False
) -> Plan:
    """
    Check that a backup can be restored, its files included, and tell what that would mean.

    Args:
        connection: the database to restore.
        backup: the backup.
        in_place: whether it is to be restored within the database.
        from_elsewhere: accept a backup of another server or of a database of another name.
    Raises:
        Problem: it cannot; nothing was touched.
    """
    warnings = []
    with _control(connection, in_place) as control:
        _check_identity(control, connection, backup, from_elsewhere)
        verify.require_major(backup.manifest, major_of(control))
        pg_tools.find(major_of(control))
        if not in_place:
            _check_rights(control, connection.dbname)
            swap.refuse_unless_possible(control, connection.dbname)
        live = swap.databases(control, [connection.dbname])
        present = swap.sessions(control, connection.dbname)
        slots = control.execute(
            "select slot_name::text from pg_catalog.pg_replication_slots where database = %s", [connection.dbname]
        ).fetchall()
        if slots:
            names = ", ".join(name for (name,) in slots)
            warnings.append(f"Replication slots stay with the replaced database: {names}.")
    verify.check(backup)
    if not backup.verification:
        warnings.append("This backup was never restored on trial; it will be compared before it goes live.")
    return Plan(backup, connection.dbname, present, warnings, bool(live))


def restore(
    connection: Connection,
    backup: Backup,
    *,
    jobs: int | None = None,
    in_place: bool = False,
    from_elsewhere: bool = False,
    directory: Path | None = None,
    progress: Progress | None = None,
) -> Restored:
    """
    Restore a backup; the database it replaces is kept under another name, or, in place, in a backup of its own.

    Args:
        connection: the database to restore.
        backup: the backup.
        jobs: parallel workers.
        in_place: within the database, in one transaction, for roles that may not create databases.
        from_elsewhere: accept a backup of another server or of a database of another name.
        directory: the folder of all backups, where the journal is kept.
        progress: called with a step's name, how much of it is done, how much there is.
    Raises:
        Problem: it failed; the live database is as it was, or the message says what stands where.
    """
    folder = store.folder_of(connection, directory)
    with _only_one(folder), _control(connection, in_place) as control:
        open_journal = journal.unfinished(folder)
        if open_journal:
            raise unfinished_problem(open_journal)
        _check_identity(control, connection, backup, from_elsewhere)
        verify.require_major(backup.manifest, major_of(control))
        if in_place:
            from driver.backup.in_place import restore_in_place

            verify.check(backup, progress)
            return restore_in_place(connection, folder, backup, jobs=jobs, directory=directory, progress=progress)
        _check_rights(control, connection.dbname)
        swap.refuse_unless_possible(control, connection.dbname)
        verify.check(backup, progress)
        work = Work(
            connection, control, folder, backup, jobs or usual_jobs(), progress, _new_journal(control, connection, backup)
        )
        work.journal = journal.begin(folder, work.journal)
        return _carry_on(work)


def resume(
    connection: Connection, *, jobs: int | None = None, directory: Path | None = None, progress: Progress | None = None
) -> Restored:
    """
    Go on with a restore that was interrupted, from where the server is.

    Raises:
        Problem: there is none, or it failed again.
    """
    folder = store.folder_of(connection, directory)
    with _only_one(folder), _interrupted(connection, folder) as (open_journal, control):
        if open_journal.mode == journal.IN_PLACE:
            from driver.backup.in_place import resume_in_place

            return resume_in_place(connection, folder, open_journal, jobs=jobs, directory=directory, progress=progress)
        if open_journal.mode == journal.BACK:
            return _carry_on_back(connection, control, folder, open_journal)
        backup = store.read(Path(open_journal.backup_folder))
        if not is_swapped(control, open_journal):
            verify.check(backup, progress)
        return _carry_on(Work(connection, control, folder, backup, jobs or usual_jobs(), progress, open_journal))


def abandon(connection: Connection, *, directory: Path | None = None) -> str:
    """
    Give up a restore that was interrupted: the live database is opened again, what was made beside it is dropped.

    Returns:
        what stands where now, in words.
    Raises:
        Problem: there is nothing to give up.
    """
    folder = store.folder_of(connection, directory)
    with _only_one(folder), _interrupted(connection, folder) as (open_journal, control):
        if open_journal.mode == journal.IN_PLACE:
            from driver.backup.in_place import abandon_in_place

            return abandon_in_place(connection, folder, open_journal)
        if is_swapped(control, open_journal):
            raise Problem(
                f"The restored database is already live as {open_journal.database}, so there is nothing to give up",
                do=f"run `scripts/cmsid restore` to finish, or then `scripts/cmsid restore --put-back {open_journal.replaced_name}`",
            )
        _go_back(control, open_journal)
        journal.finish(folder, open_journal, journal.GIVEN_UP)
        return f"The restore of {open_journal.backup_id} is given up; {open_journal.database} is as it was and open."


def put_back(connection: Connection, name: str, *, directory: Path | None = None) -> Restored:
    """
    Put a replaced database back in the place of the live one, which is kept in its turn.

    Args:
        connection: the live database.
        name: the replaced one.
        directory: the folder of all backups, where the journal is kept.
    Raises:
        Problem: there is none of that name, or it cannot be done.
    """
    folder = store.folder_of(connection, directory)
    files.make_private_folder(folder)
    with _only_one(folder), elsewhere(connection, connection.dbname, name) as control:
        open_journal = journal.unfinished(folder)
        if open_journal:
            raise unfinished_problem(open_journal)
        known = [other for other, _ in swap.derived_databases(control, connection.dbname, swap.REPLACED)]
        if name not in known:
            raise Problem(
                f"{name} is no database that a restore replaced",
                do=f"name one of: {', '.join(known)}" if known else "there is none; `scripts/cmsid backups` lists the backups",
            )
        _check_rights(control, connection.dbname)
        swap.refuse_unless_possible(control, connection.dbname)
        swap.refuse_unless_possible(control, name)
        made = _new_journal(control, connection, None, side_name=name)
        return _carry_on_back(connection, control, folder, journal.begin(folder, made))


def unfinished_problem(open_journal: Journal) -> Problem:
    """The sentence for a restore that stands in the way of another."""
    return Problem(
        f"A restore of {open_journal.backup_id} was interrupted after the step `{open_journal.last_step}`",
        do="go on with `scripts/cmsid restore`, or give it up with `scripts/cmsid restore --abandon`",
    )


def is_swapped(control: psycopg.Connection[Any], made: Journal) -> bool:
    """Whether the side database already has the live one's name."""
    live = swap.databases(control, [made.database]).get(made.database)
    return bool(made.side_oid and live and live.oid == made.side_oid)


# ---- the steps


def _carry_on(work: Work) -> Restored:
    """Do what is left of a restore; whatever fails before the swap is undone."""
    try:
        if not is_swapped(work.control, work.journal):
            _prepare(work)
            _change_over(work)
    except BaseException as error:
        _undo(work.control, work.folder, work.journal, error)
        raise
    with _finishing(work.journal):
        return _complete(work)


def _prepare(work: Work) -> None:
    """Make the side database all that the live one shall be."""
    if not (work.journal.has(journal.RESTORED) and work.journal.side_name in swap.databases(work.control, [work.journal.side_name])):
        _fill_side(work)
    manifest = work.backup.manifest
    found = compare.differences(work.side, manifest, jobs=work.jobs, progress=work.progress)
    if found:
        raise Problem(
            f"The backup {manifest.backup_id} restored to something else: {compare.in_short(found)}",
            where=str(work.backup.folder),
            do=f"{UNTOUCHED}; choose another backup",
        )
    with pinned(work.side) as session:
        session.execute("analyze")
    work.left = database_state.apply(work.control, work.journal.side_name, manifest.state)
    state = database_state.read(work.control, work.journal.side_name)
    wanted = {key: value for key, value in manifest.state.items() if key in state}
    remaining = database_state.differences(state, wanted)
    if remaining and not work.left:
        raise Problem(
            f"The database's settings could not be restored: {compare.in_short(remaining)}", do=f"{UNTOUCHED}; report this"
        )
    work.done(journal.COMPARED)


def _fill_side(work: Work) -> None:
    """Create the side database and restore into it, anew if a first attempt was interrupted."""
    manifest, name = work.backup.manifest, work.journal.side_name
    scratch.drop(work.control, name)
    try:
        work.control.execute(database_state.creation(manifest.state, name, major_of(work.control)))
    except (psycopg.errors.UndefinedObject, psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue) as error:
        raise Problem(
            f"The side database cannot be created: {error.diag.message_primary}",
            do=f"{UNTOUCHED}; correct that, then run this again",
        ) from error
    side_oid = swap.databases(work.control, [name])[name].oid
    work.done(journal.CREATED, side_oid)
    superuser = is_superuser(work.control)
    with tempfile.TemporaryDirectory(prefix="cmsid-") as temporary:
        try:
            archive.restore(
                work.side,
                pg_tools.find(major_of(work.control)),
                work.backup.dump,
                jobs=work.jobs,
                manifest=manifest,
                leave_out=() if superuser else (verify.EXTENSION_COMMENTS,),
                scratch=Path(temporary),
                progress=work.progress,
            )
        except archive.ToolFailure as failure:
            raise archive.problem_of(
                failure, f"The backup {manifest.backup_id} does not restore", str(work.backup.folder), UNTOUCHED
            ) from failure
    # The restore waited for the disk at no commit. This one waits, and what was written before it is there with it.
    work.control.execute(
        sql.SQL("comment on database {} is {}").format(
            sql.Identifier(name), sql.Literal(f"Restored from the backup {manifest.backup_id}, not in use yet.")
        )
    )
    work.done(journal.RESTORED)


def _change_over(work: Work) -> None:
    """Close the live database and put the side one in its place."""
    made = work.journal
    live = swap.databases(work.control, [made.database]).get(made.database)
    if live and live.oid != made.live_oid:
        raise Problem(
            f"The database {made.database} is not the one it was when this restore began",
            do="nothing was changed; look at it, then run the restore again",
        )
    if live:
        swap.set_open(work.control, made.database, False)
        work.done(journal.CLOSED)
    swap.swap(work.control, made.database, made.side_name, made.replaced_name if live else None)
    work.done(journal.SWAPPED)


def _complete(work: Work) -> Restored:
    """List the backup in the restored database, which does not know of it, and count."""
    manifest, made = work.backup.manifest, work.journal
    replaced = made.replaced_name if swap.databases(work.control, [made.replaced_name]) else ""
    with pinned(work.connection) as session:
        kept = f"; what it replaced is {replaced}" if replaced else ""
        try:
            listing.record(session, work.connection.audit_schema, work.backup)
            listing.log(session, work.connection.audit_schema, "restored", f"backup {manifest.backup_id}{kept}")
        except psycopg.errors.InsufficientPrivilege as error:
            work.left.append(f"-- the backup could not be listed again: {error.diag.message_primary}")
        students = count_students(session)
    journal.finish(work.folder, made, journal.DONE)
    return Restored(manifest.backup_id, made.database, replaced, "", len(manifest.tables), students, work.left)


def _carry_on_back(
    connection: Connection, control: psycopg.Connection[Any], folder: Path, made: Journal
) -> Restored:
    """Swap the live database and a replaced one."""
    try:
        if not is_swapped(control, made):
            swap.set_open(control, made.database, False)
            made = journal.record(folder, made, journal.CLOSED)
            swap.set_open(control, made.side_name, False)
            swap.clear(control, made.side_name)
            swap.swap(control, made.database, made.side_name, made.replaced_name)
            made = journal.record(folder, made, journal.SWAPPED)
    except BaseException as error:
        _undo(control, folder, made, error)
        raise
    with _finishing(made):
        with pinned(connection) as session:
            students = count_students(session)
        journal.finish(folder, made, journal.DONE)
    return Restored(made.backup_id, made.database, made.replaced_name, "", 0, students)


def _go_back(control: psycopg.Connection[Any], made: Journal) -> None:
    """Open what was closed and drop what was made beside; nothing of the live database was changed."""
    found = swap.databases(control, [made.database, made.side_name])
    live, side = found.get(made.database), found.get(made.side_name)
    if live and live.oid == made.side_oid:
        return
    if live and not live.open:
        swap.set_open(control, made.database, True)
    if side and made.mode == journal.BESIDE:
        scratch.drop(control, made.side_name)
    elif side and not side.open:
        swap.set_open(control, made.side_name, True)


@contextlib.contextmanager
def _finishing(made: Journal) -> Iterator[None]:
    """Say what is done already when the last step fails.

    Raises:
        Problem: it did; the journal stays.
    """
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, Problem) as error:
        reason = error.what if isinstance(error, Problem) else " ".join(str(error).split())
        raise Problem(
            f"{made.database} is {made.backup_id} now, but finishing was interrupted after the step `{made.last_step}`: {reason}",
            do=f"the original data is in {made.replaced_name}; run `scripts/cmsid restore` to finish",
        ) from error


def _undo(control: psycopg.Connection[Any], folder: Path, made: Journal, error: BaseException) -> None:
    """Go back after a failure.

    Raises:
        Problem: the server is gone, so the journal stays for the next attempt; it undoes what it did not commit.
    """
    try:
        _go_back(control, made)
        journal.finish(folder, made, journal.GIVEN_UP)
    except (psycopg.OperationalError, psycopg.InterfaceError) as lost:
        reason = error.what if isinstance(error, Problem) else " ".join(str(lost).split())
        raise Problem(
            f"The restore was interrupted after the step `{made.last_step}`: {reason or 'the connection was lost'}",
            do=f"the original data is in {made.database} or, if that holds the backup already, in {made.replaced_name};"
            " once the server answers, go on with `scripts/cmsid restore` or give up with `scripts/cmsid restore --abandon`",
        ) from error


# ---- before anything is touched


def _check_identity(
    control: psycopg.Connection[Any], connection: Connection, backup: Backup, from_elsewhere: bool
) -> None:
    """Refuse a backup of another database, and one that is not the one that was listed."""
    manifest = backup.manifest
    if not from_elsewhere:
        hint = "nothing was touched; add --from-elsewhere if that is what you want"
        if manifest.database != connection.dbname:
            raise Problem(
                f"The backup {manifest.backup_id} is of the database {manifest.database}, not of {connection.dbname}", do=hint
            )
        here = system_identifier(control)
        if here and manifest.system_identifier and here != manifest.system_identifier:
            raise Problem(f"The backup {manifest.backup_id} is of a database of another server", do=hint)
    recorded = None
    with contextlib.suppress(Problem, psycopg.Error), pinned(connection) as session:
        recorded = listing.manifest_checksum(session, connection.audit_schema, manifest.backup_id)
    if recorded and recorded != manifest.checksum:
        raise Problem(
            f"The backup {manifest.backup_id} is not the one that was listed in the database: its manifest is another",
            where=str(backup.folder),
            do="nothing was touched; choose another backup (`scripts/cmsid backups` lists them)",
        )


def _check_rights(control: psycopg.Connection[Any], database: str) -> None:
    if not scratch.may_create(control):
        raise Problem(
            f"This role may not create databases, so nothing can be restored beside {database}",
            do="have a superuser run `alter role ... createdb`, or add --in-place to restore within the database, in one"
            " transaction",
        )


def _new_journal(
    control: psycopg.Connection[Any], connection: Connection, backup: Backup | None, side_name: str = ""
) -> Journal:
    """The journal of a restore that begins now; without a backup, of a replaced database that is put back."""
    moment = store.now()
    stamp = store.stamp(moment)
    replaced = swap.derived_name(connection.dbname, swap.REPLACED, stamp)
    found = swap.databases(control, [connection.dbname, side_name, replaced])
    if replaced in found:
        raise Problem(f"There is already a database {replaced}", do="wait a second, then run this again")
    live = found.get(connection.dbname)
    return journal.Journal(
        restore_id=stamp,
        mode=journal.BESIDE if backup else journal.BACK,
        backup_id=backup.backup_id if backup else side_name,
        backup_folder=str(backup.folder) if backup else "",
        database=connection.dbname,
        live_oid=live.oid if live else 0,
        side_name=side_name or swap.derived_name(connection.dbname, swap.RESTORING, stamp),
        side_oid=found[side_name].oid if side_name else 0,
        replaced_name=replaced,
    )


def count_students(session: psycopg.Connection[Any]) -> int | None:
    """The rows of the students table, of whatever schema it is in; None if there is none."""
    schema = session.execute(
        "select relnamespace::regnamespace::text from pg_catalog.pg_class where relname = %s and relkind in ('r', 'p')"
        " and relnamespace::regnamespace::text !~ '^pg_' order by relnamespace::regnamespace::text <> 'public' limit 1",
        [STUDENTS],
    ).fetchone()
    if schema is None:
        return None
    row = session.execute(f'select count(*) from {schema[0]}."{STUDENTS}"'.encode()).fetchone()  # noqa: S608  quoted by the server
    return int(row[0]) if row else None


def _control(connection: Connection, in_place: bool) -> psycopg.Connection[Any]:
    """A session to work from: in a database that will not be renamed."""
    return pinned(connection) if in_place else elsewhere(connection, connection.dbname)


@contextlib.contextmanager
def _interrupted(connection: Connection, folder: Path) -> Iterator[tuple[Journal, psycopg.Connection[Any]]]:
    """The interrupted restore and a session to work on it from."""
    open_journal = journal.unfinished(folder)
    if open_journal is None:
        raise Problem("No restore was interrupted here", where=str(folder))
    with _control(connection, open_journal.mode == journal.IN_PLACE) as control:
        yield open_journal, control


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Refuse to work on the same database's restore twice at a time."""
    files.make_private_folder(folder)
    with files.exclusive(folder / journal.LOCK) as free:
        if not free:
            raise Problem("Another restore is at work on this database", where=str(folder), do="wait for it")
        yield
