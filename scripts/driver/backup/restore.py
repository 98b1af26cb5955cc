"""Restores a backup and keeps what it replaces: what other modules call.

Each step is in a journal. After a crash `resume` goes on and `abandon` goes back; both ask the server how far it came.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from driver.backup import files, journal, listing, manifest, pg_tools, prepared, store, swap, verify
from driver.backup import in_place as inside
from driver.backup.beside import carry_on, go_back, new_journal
from driver.backup.journal import Work
from driver.backup.session import elsewhere, major_of, one_value, pinned, system_identifier
from driver.backup.situation import choose, copies
from driver.errors import Problem
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.backup.archive import Progress
    from driver.backup.journal import Journal, Restored
    from driver.backup.store import Backup
    from driver.profile import Connection


def plan(connection: Connection, backup: Backup, *, in_place: bool = False, from_elsewhere: bool = False) -> list[str]:
    """Check that a backup can be restored, its files included, and say what that would mean, for the person who is asked."""
    with _control(connection, in_place=in_place) as control:
        _require_possible(control, connection, backup, in_place=in_place, from_elsewhere=from_elsewhere)
        live = swap.database(control, connection.dbname)
        present = swap.sessions(control, connection.dbname)
        slots = control.execute(
            "select slot_name::text from pg_catalog.pg_replication_slots where database = %s", [connection.dbname]
        ).fetchall()
    manifest.check_files(backup.folder, backup.manifest)
    state = "verified" if backup.verification else "not verified"
    lines = [f"Backup {backup.backup_id}: {backup.manifest.extent}, {state}, its files in order."]
    if in_place:
        lines.append(
            f"It replaces what is in {connection.dbname}, in one transaction; a backup of that is taken first."
        )
    elif live:
        lines.append(f"It takes the place of {connection.dbname}, which is kept under another name.")
    else:
        lines.append(f"There is no database {connection.dbname} now.")
    if slots:
        names = ", ".join(name for (name,) in slots)
        lines.append(f"Replication slots stay with the replaced database: {names}.")
    if not backup.verification:
        lines.append("This backup was never restored on trial; it will be compared before it goes live.")
    if present:
        lines.append(f"Connected now, and {'made to wait' if in_place else 'disconnected'} then: {len(present)}")
        lines += [f"    {session.describe()}" for session in present[:10]]
    return lines


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
    """Restore a backup; the database it replaces is kept under another name, or, in place, in a backup of its own.

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
    with _begun(connection, directory, in_place=in_place) as (folder, control):
        _require_possible(control, connection, backup, in_place=in_place, from_elsewhere=from_elsewhere)
        jobs = jobs or pg_tools.usual_jobs()
        if in_place:
            work = Work(connection, control, folder, inside.new_journal(connection, backup), jobs, progress)
            return inside.restore_in_place(work, backup, directory)
        manifest.check_files(backup.folder, backup.manifest, progress)
        work = Work(connection, control, folder, new_journal(control, connection, backup), jobs, progress)
        work.done(journal.BEGUN)
        return carry_on(work, backup)


def resume(
    connection: Connection, *, jobs: int | None = None, directory: Path | None = None, progress: Progress | None = None
) -> Restored:
    """Go on with a restore that was interrupted, from where the server is."""
    with _interrupted(connection, directory) as work:
        work.jobs, work.progress = jobs or pg_tools.usual_jobs(), progress
        if work.journal.mode == journal.BACK:
            return carry_on(work, None)
        backup = store.read(Path(work.journal.backup_folder))
        if work.journal.mode == journal.IN_PLACE:
            return inside.resume_in_place(work, backup, directory)
        if not work.is_swapped:
            manifest.check_files(backup.folder, backup.manifest, progress)
        return carry_on(work, backup)


def abandon(connection: Connection, *, directory: Path | None = None) -> str:
    """Give up a restore that was interrupted: the live database is opened again, what was made beside it is dropped.

    Says in words what stands where now.
    """
    with _interrupted(connection, directory) as work:
        made = work.journal
        if made.mode == journal.IN_PLACE:
            return inside.abandon_in_place(work)
        if work.is_swapped:
            raise Problem(
                f"The restored database is already live as {made.database}, so there is nothing to give up",
                do="run `scripts/cmsid restore` to finish, and then"
                f" `scripts/cmsid restore --put-back {quote(made.replaced_name)}` to go back",
            )
        go_back(work)
        return f"The restore of {made.backup_id} is given up; {made.database} is as it was and open."


def check_put_back(connection: Connection, name: str, *, force: bool = False, directory: Path | None = None) -> None:
    """Check that a replaced database can be put back, for the person who is asked."""
    with elsewhere(connection, connection.dbname, name) as control:
        choose(copies(control, connection, directory), connection, name, force=force)
        _require_exchangeable(control, connection.dbname, name)


def put_back(connection: Connection, name: str, *, force: bool = False, directory: Path | None = None) -> Restored:
    """Put a replaced database back in the place of the live one, which is kept in its turn.

    With `force` also one that no record says is this database's.
    """
    with _begun(connection, directory, name) as (folder, control):
        choose(copies(control, connection, directory), connection, name, force=force)
        _require_exchangeable(control, connection.dbname, name)
        work = Work(connection, control, folder, new_journal(control, connection, None, side_name=name))
        work.done(journal.BEGUN)
        return carry_on(work, None)


def unfinished_problem(open_journal: Journal) -> Problem:
    """The sentence for a restore that stands in the way of another."""
    return Problem(
        f"A restore of {open_journal.backup_id} was interrupted after the step `{open_journal.last_step}`",
        do="go on with `scripts/cmsid restore`, or give it up with `scripts/cmsid restore --abandon`",
    )


def _control(connection: Connection, *avoid: str, in_place: bool) -> psycopg.Connection[Any]:
    """A session to work from: in a database that will not be renamed."""
    return pinned(connection) if in_place else elsewhere(connection, connection.dbname, *avoid)


@contextlib.contextmanager
def _begun(
    connection: Connection, directory: Path | None, *avoid: str, in_place: bool = False
) -> Iterator[tuple[Path, psycopg.Connection[Any]]]:
    """The folder of a database's backups and a session to work from, where no other restore is at work or interrupted."""
    folder = store.folder_of(connection, directory)
    with _only_one(folder), _control(connection, *avoid, in_place=in_place) as control:
        if open_journal := journal.unfinished(folder):
            raise unfinished_problem(open_journal)
        yield folder, control


@contextlib.contextmanager
def _interrupted(connection: Connection, directory: Path | None) -> Iterator[Work]:
    """The interrupted restore."""
    folder = store.folder_of(connection, directory)
    with _only_one(folder):
        made = journal.unfinished(folder)
        if made is None:
            raise Problem("No restore was interrupted here", where=str(folder))
        with _control(connection, made.side_name, in_place=made.mode == journal.IN_PLACE) as control:
            if not made.is_of(connection.dbname, system_identifier(control)):
                raise Problem(
                    f"The interrupted restore is one of the database {made.database}, on another server or with its"
                    " name spelt so",
                    where=str(folder),
                    do="finish it with a profile that leads there, or have each use a folder of its own: --directory",
                )
            yield Work(connection, control, folder, made)


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Refuse to work on the same database's restore twice at a time."""
    files.make_private_folder(folder)
    with files.exclusive(folder / journal.LOCK) as free:
        if not free:
            raise Problem("Another restore is at work on this database", where=str(folder), do="wait for it")
        yield


def _require_possible(
    control: psycopg.Connection[Any], connection: Connection, backup: Backup, *, in_place: bool, from_elsewhere: bool
) -> None:
    """Refuse a restore that could only fail, before it touches anything; the files of the backup are not looked at."""
    _require_own(control, connection, backup, from_elsewhere=from_elsewhere)
    verify.require_major(backup.manifest, major_of(control))
    pg_tools.find(major_of(control))
    if not in_place:
        _require_exchangeable(control, connection.dbname)
        _require_extensions(control, connection, backup)


def _require_own(
    control: psycopg.Connection[Any], connection: Connection, backup: Backup, *, from_elsewhere: bool
) -> None:
    """Refuse a backup of another database, of another audit schema, and one that is not the one that was listed."""
    manifest = backup.manifest
    if not from_elsewhere:
        hint = "nothing was touched; add --from-elsewhere if that is what you want"
        if manifest.database != connection.dbname:
            raise Problem(
                f"The backup {manifest.backup_id} is of the database {manifest.database}, not of {connection.dbname}",
                do=hint,
            )
        here = system_identifier(control)
        if here and manifest.system_identifier and here != manifest.system_identifier:
            raise Problem(f"The backup {manifest.backup_id} is of a database of another server", do=hint)
    own = manifest.audit_schema
    if own and own != connection.audit_schema:
        raise Problem(
            f"The backup {manifest.backup_id} was taken with {own} as our own schema, and the dbt profile has"
            f" {connection.audit_schema}",
            do=f"nothing was touched; restore with a profile that has `schema: {own}`",
        )
    recorded = None
    with contextlib.suppress(Problem, psycopg.Error), pinned(connection) as session:
        recorded = listing.manifest_checksum(session, connection.audit_schema, manifest.backup_id)
    if recorded and recorded != manifest.checksum:
        raise Problem(
            f"The backup {manifest.backup_id} is not the one that was listed in the database: its manifest is another",
            where=str(backup.folder),
            do="nothing was touched; choose another backup (`scripts/cmsid backups` lists them)",
        )


def _require_extensions(control: psycopg.Connection[Any], connection: Connection, backup: Backup) -> None:
    """Refuse a backup with an extension that this role, on this server, cannot make as it was."""
    recorded = backup.manifest.state["extensions"]
    if not recorded:
        return
    rows = sql.SQL(", ").join(sql.SQL("({}, {})").format(*map(sql.Literal, extension)) for extension in recorded)
    extensions = f"values {rows.as_string(control)}"
    query = render_macro("extensions_beyond", extensions=extensions)
    template = prepared.find_template(connection, control, backup.manifest)
    there = template.objects if template and not template.problems else []
    found = control.execute(query.encode()).fetchall()
    beyond = [row for row in found if f"extension {row[0]}" not in there]
    if beyond:
        raise Problem(
            "; ".join(f"The extension {name} cannot be made anew: {reason}" for name, reason, _ in beyond),
            where=backup.manifest.backup_id,
            do="nothing was touched; " + "; ".join(remedy for _, _, remedy in beyond),
        )


def _require_exchangeable(control: psycopg.Connection[Any], *databases: str) -> None:
    """Refuse a role that may not create databases or rename these, and what in them forbids that."""
    if not one_value(control, "select rolsuper or rolcreatedb from pg_catalog.pg_roles where rolname = current_user"):
        raise Problem(
            f"This role may not create databases, so nothing can be restored beside {databases[0]}",
            do="have a superuser run `alter role ... createdb`, or add --in-place to restore within the database,"
            " in one transaction",
        )
    for database in databases:
        swap.refuse_unless_possible(control, database)
        swap.refuse_unendable(control, database)
