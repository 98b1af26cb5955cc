"""Restores a backup and keeps what it replaces.

The steps of a restore beside the live database: create, fill, compare, change over, list again. Each is in a journal
once it is done. What fails before the change-over is undone. After a crash `resume` goes on and `abandon` goes back; both
ask the server how far it came. To put a replaced database back is the same without the first three.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from driver.backup import (
    Progress,
    catalogue,
    compare,
    database_state,
    files,
    journal,
    listing,
    manifest,
    pg_tools,
    prepared,
    silent,
    store,
    swap,
    take,
)
from driver.backup import in_place as inside
from driver.backup.journal import Journal, Restored, Work, choose, copies
from driver.backup.session import Session, elsewhere, major_of, one_value, pinned, system_identifier
from driver.errors import Problem, why
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from driver.profile import Connection

UNTOUCHED = "the live database is as it was"
NOT_ALLOWED = re.compile("permission denied|must be (owner|superuser)")
OTHER_WAYS = "; have a superuser prepare the template that `scripts/cmsid doctor` describes, or use `scripts/cmsid restore --in-place`"
LOST = (psycopg.OperationalError, psycopg.InterfaceError)


def plan(
    connection: Connection, backup: store.Backup, *, in_place: bool = False, from_elsewhere: bool = False
) -> list[str]:
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
        lines += [f"    {session.told}" for session in present[:10]]
    return lines


def restore(
    connection: Connection,
    backup: store.Backup,
    *,
    jobs: int | None = None,
    in_place: bool = False,
    from_elsewhere: bool = False,
    directory: Path | None = None,
    progress: Progress = silent,
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
        jobs = jobs or pg_tools.JOBS
        made = inside.new_journal(connection, backup) if in_place else _new_journal(control, connection, backup)
        work = Work(connection, control, folder, made, jobs, progress)
        if in_place:
            return inside.restore_in_place(work, backup, directory)
        manifest.check_files(backup.folder, backup.manifest, progress)
        work.done(journal.BEGUN)
        return _carry_on(work, backup)


def resume(
    connection: Connection, *, jobs: int | None = None, directory: Path | None = None, progress: Progress = silent
) -> Restored:
    """Go on with a restore that was interrupted, from where the server is."""
    with _interrupted(connection, directory) as work:
        work.jobs, work.progress = jobs or pg_tools.JOBS, progress
        if work.journal.mode == journal.BACK:
            return _carry_on(work, None)
        backup = store.read(Path(work.journal.backup_folder))
        if work.journal.mode == journal.IN_PLACE:
            return inside.resume_in_place(work, backup, directory)
        if not work.is_swapped:
            manifest.check_files(backup.folder, backup.manifest, progress)
        return _carry_on(work, backup)


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
        work = Work(connection, control, folder, _new_journal(control, connection, None, side_name=name))
        work.done(journal.BEGUN)
        return _carry_on(work, None)


def unfinished_problem(open_journal: Journal) -> Problem:
    """The sentence for a restore that stands in the way of another."""
    return Problem(
        open_journal.interruption,
        do="go on with `scripts/cmsid restore`, or give it up with `scripts/cmsid restore --abandon`",
    )


def _control(connection: Connection, *avoid: str, in_place: bool) -> Session:
    """A session to work from: in a database that will not be renamed."""
    return pinned(connection) if in_place else elsewhere(connection, connection.dbname, *avoid)


@contextlib.contextmanager
def _alone(connection: Connection, directory: Path | None) -> Iterator[tuple[Path, Journal | None]]:
    """The folder of a database's backups, with the restore that was interrupted there, where no other is at work."""
    folder = store.folder_of(connection, directory)
    files.make_private_folder(folder)
    with files.exclusive(folder / journal.LOCK) as free:
        if not free:
            raise Problem("Another restore is at work on this database", where=str(folder), do="wait for it")
        yield folder, journal.unfinished(folder)


@contextlib.contextmanager
def _begun(
    connection: Connection, directory: Path | None, *avoid: str, in_place: bool = False
) -> Iterator[tuple[Path, Session]]:
    """The same folder and a session to work from, where none was interrupted."""
    with (
        _alone(connection, directory) as (folder, open_journal),
        _control(connection, *avoid, in_place=in_place) as control,
    ):
        if open_journal:
            raise unfinished_problem(open_journal)
        yield folder, control


@contextlib.contextmanager
def _interrupted(connection: Connection, directory: Path | None) -> Iterator[Work]:
    """The interrupted restore."""
    with _alone(connection, directory) as (folder, made):
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


def _require_possible(
    control: Session, connection: Connection, backup: store.Backup, *, in_place: bool, from_elsewhere: bool
) -> None:
    """Refuse a restore that could only fail, before it touches anything; the files of the backup are not looked at."""
    _require_own(control, connection, backup, from_elsewhere=from_elsewhere)
    take.require_major(backup.manifest, major_of(control))
    pg_tools.find(major_of(control))
    if not in_place:
        _require_exchangeable(control, connection.dbname)
        _require_extensions(control, connection, backup)


def _require_own(control: Session, connection: Connection, backup: store.Backup, *, from_elsewhere: bool) -> None:
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
        recorded = listing.listed(session, connection.audit_schema).get(manifest.backup_id)
    if recorded and recorded != manifest.checksum:
        raise Problem(
            f"The backup {manifest.backup_id} is not the one that was listed in the database: its manifest is another",
            where=str(backup.folder),
            do="nothing was touched; choose another backup (`scripts/cmsid backups` lists them)",
        )


def _require_extensions(control: Session, connection: Connection, backup: store.Backup) -> None:
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


def _require_exchangeable(control: Session, *databases: str) -> None:
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


def _carry_on(work: Work, backup: store.Backup | None) -> Restored:
    """Do what is left of a restore, or, without a backup, of putting a replaced database back.

    Whatever fails before the swap is undone.
    """
    made = work.journal
    try:
        if not work.is_swapped:
            if backup:
                _prepare(work, backup)
            _change_over(work)
    except BaseException as error:
        _undo(work, error)
        raise
    try:
        return _complete(work, backup)
    except (*LOST, Problem) as error:
        raise Problem(
            f"{made.database} is {made.backup_id} now, but finishing was interrupted: {why(error)}",
            do=f"the original data is in {made.replaced_name}; run `scripts/cmsid restore` to finish",
        ) from error


def _prepare(work: Work, backup: store.Backup) -> None:
    """Make the side database all that the live one shall be."""
    manifest, side = backup.manifest, work.side
    connection = work.connection.to_database(work.journal.side_name)
    template, leave_out, unproven = prepared.start(work.connection, work.control, backup)
    # One that is closed was about to be dropped.
    if not (work.journal.has(journal.RESTORED) and side and side.open):
        _fill(connection, work, backup, template, leave_out)
    work.found = compare.differences(connection, manifest, jobs=work.jobs, unproven=unproven, progress=work.progress)
    compare.require_same(work.found, backup, f"{UNTOUCHED}; choose another backup")
    with pinned(connection) as session:
        session.execute("analyze")
    work.left = database_state.apply(work.control, connection.dbname, manifest.state)
    state = database_state.read(work.control, connection.dbname)
    wanted = {key: value for key, value in manifest.state.items() if key in state}
    remaining = database_state.differences(state, wanted)
    if remaining and not work.left:
        raise Problem(
            f"The database's settings could not be restored: {compare.in_short(remaining)}",
            do=f"{UNTOUCHED}; report this",
        )
    work.done(journal.COMPARED)


def _fill(side: Connection, work: Work, backup: store.Backup, template: str, leave_out: list[str]) -> None:
    """Create the side database and restore into it, anew if a first attempt was interrupted."""
    manifest, name = backup.manifest, work.journal.side_name
    if work.side:
        swap.drop(work.control, name)
    swap.create(work.control, manifest.state, name, template, f"{UNTOUCHED}; correct that, then run this again")
    work.done(journal.CREATED, swap.databases(work.control, [name])[name].oid)
    try:
        tools = pg_tools.find(major_of(work.control))
        pg_tools.restore(side, tools, backup, jobs=work.jobs, leave_out=leave_out, progress=work.progress)
    except pg_tools.ToolError as failure:
        raise Problem(
            f"The backup {manifest.backup_id} does not restore: {failure}",
            where=str(backup.folder),
            do=UNTOUCHED + (OTHER_WAYS if NOT_ALLOWED.search(str(failure)) else ""),
        ) from failure
    # The restore waited for the disk at no commit. This one waits, and what was written before it is there with it.
    work.control.execute(
        sql.SQL("comment on database {} is {}").format(
            sql.Identifier(name), sql.Literal(f"Restored from the backup {manifest.backup_id}, not in use yet.")
        )
    )
    work.done(journal.RESTORED)


def _change_over(work: Work) -> None:
    """Close the live database, unless somebody is there who cannot be disconnected, and put the side one in its place."""
    control, made = work.control, work.journal
    if made.mode == journal.BACK:
        if not work.side:
            raise Problem(
                f"There is no database {made.side_name} any more, or it is not the one it was when this restore began",
                do=f"{made.database} is as it was; look at both",
            )
        swap.refuse_unendable(control, made.side_name)
    live = swap.database(control, made.database)
    if live and live.oid != made.live_oid:
        raise Problem(
            f"The database {made.database} is not the one it was when this restore began",
            do="nothing was changed; look at it, give this up with `scripts/cmsid restore --abandon`, and restore again",
        )
    if live:
        swap.refuse_unendable(control, made.database, swap.CLEAR_SECONDS)
        swap.set_open(control, made.database, is_open=False)
        work.done(journal.CLOSED)
    if made.mode == journal.BACK:  # where somebody may look into it
        swap.set_open(control, made.side_name, is_open=False)
        swap.clear(control, made.side_name)
    swap.swap(control, work.journal)
    work.done(journal.SWAPPED)


def _complete(work: Work, backup: store.Backup | None) -> Restored:
    """List the backup in the restored database, which does not know of it, and count."""
    audit_schema = work.connection.audit_schema
    with pinned(work.connection) as session:
        if backup:
            kept = f"; what it replaced is {work.replaced}" if work.replaced else ""
            try:
                catalogue.rewrite_baseline(session, audit_schema, work.found.rewritten)
                listing.record(session, audit_schema, backup)
                listing.log(session, audit_schema, "restored", f"backup {backup.backup_id}{kept}")
            except psycopg.errors.InsufficientPrivilege as error:
                work.left.append(f"-- the backup could not be listed again: {why(error)}")
        return work.finish(session, backup)


def go_back(work: Work) -> None:
    """Open what was closed and drop what was made beside; nothing of the live database was changed."""
    control, made, side = work.control, work.journal, work.side
    live = swap.database(control, made.database, made.live_oid)
    if live and not live.open:
        swap.set_open(control, made.database, is_open=True)
    if side and made.mode == journal.BESIDE:
        swap.drop(control, made.side_name)
    elif side and not side.open:
        swap.set_open(control, made.side_name, is_open=True)
    work.end(journal.GIVEN_UP)


def _undo(work: Work, error: BaseException) -> None:
    """Go back after a failure; after the swap there is no way back, so the journal stays for `restore` to finish.

    Raises:
        Problem: the server is gone, so the journal stays for the next attempt; it undoes what it did not commit. Or what
            was made beside could not be dropped: then it stays as well, and the failure itself is told first.
    """
    made = work.journal
    try:
        if not work.is_swapped:
            go_back(work)
    except Problem as left:
        raise Problem(
            f"{why(error) or 'The restore was interrupted'}; and going back is not finished: {left.what}",
            do=f"{made.database} is as it was and open; `scripts/cmsid restore --abandon` tries again",
        ) from error
    except LOST as lost:
        reason = why(error if isinstance(error, Problem) else lost) or "the connection was lost"
        raise Problem(
            f"{made.interruption}: {reason}",
            do=f"the original data is in {made.database} or, if that holds the backup already, in {made.replaced_name};"
            " once the server answers, `scripts/cmsid restore` goes on and `scripts/cmsid restore --abandon` gives up",
        ) from error


def _new_journal(control: Session, connection: Connection, backup: store.Backup | None, side_name: str = "") -> Journal:
    """The journal of a restore that begins now; without a backup, of a replaced database that is put back."""
    while True:
        stamp = store.stamp(store.now())
        replaced = swap.derived_name(connection.dbname, swap.REPLACED, stamp)
        found = swap.databases(control, [connection.dbname, side_name, replaced])
        if replaced not in found:
            break
        time.sleep(swap.PAUSE_SECONDS)  # the names tell seconds apart
    live = found.get(connection.dbname)
    return journal.Journal(
        restore_id=stamp,
        mode=journal.BESIDE if backup else journal.BACK,
        backup_id=backup.backup_id if backup else side_name,
        backup_folder=str(backup.folder) if backup else "",
        database=connection.dbname,
        live_oid=live.oid if live else 0,
        side_name=side_name or swap.derived_name(connection.dbname, swap.RESTORING, f"{stamp}_{secrets.token_hex(4)}"),
        side_oid=found[side_name].oid if side_name else 0,
        replaced_name=replaced,
        server=system_identifier(control),
    )
