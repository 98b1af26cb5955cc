"""The steps of a restore beside the live database: create, fill, compare, change over, list again.

Every step is in the journal once it is done. What fails before the change-over is undone; after a crash the steps that
are not done are done again, as far as the server says they are not. To put a replaced database back is the same without
the first three.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from driver.backup import archive, catalogue, compare, database_state, journal, listing, pg_tools, prepared, store, swap
from driver.backup.session import major_of, pinned, system_identifier
from driver.errors import Problem, why

if TYPE_CHECKING:
    from driver.backup.journal import Journal, Restored, Work
    from driver.backup.store import Backup
    from driver.profile import Connection

UNTOUCHED = "the live database is as it was"
NOT_ALLOWED = re.compile("permission denied|must be (owner|superuser)")
OTHER_WAYS = "; have a superuser prepare the template that `scripts/cmsid doctor` describes, or use `scripts/cmsid restore --in-place`"
LOST = (psycopg.OperationalError, psycopg.InterfaceError)


def carry_on(work: Work, backup: Backup | None) -> Restored:
    """Do what is left of a restore, or, without a backup, of putting a replaced database back.

    Whatever fails before the swap is undone.
    """
    made = work.journal
    try:
        if not work.is_swapped:
            if backup:
                _prepare(work, backup)
            else:
                _require_replaced(work)
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


def _prepare(work: Work, backup: Backup) -> None:
    """Make the side database all that the live one shall be."""
    manifest, side = backup.manifest, work.side
    # One that is closed was about to be dropped.
    if not (work.journal.has(journal.RESTORED) and side and side.open):
        _fill_side(work, backup)
    connection = work.connection.to_database(work.journal.side_name)
    _, _, unproven = prepared.start(work.connection, work.control, backup)
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


def _fill_side(work: Work, backup: Backup) -> None:
    """Create the side database and restore into it, anew if a first attempt was interrupted."""
    manifest, name, major = backup.manifest, work.journal.side_name, major_of(work.control)
    if work.side:
        swap.drop(work.control, name)
    template, leave_out, _ = prepared.start(work.connection, work.control, backup)
    try:
        work.control.execute(database_state.creation(manifest.state, name, major, template))
    except (
        psycopg.errors.UndefinedObject,
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.InvalidParameterValue,
        psycopg.errors.DuplicateDatabase,
    ) as error:
        raise Problem(
            f"The side database cannot be created: {why(error)}",
            do=f"{UNTOUCHED}; correct that, then run this again",
        ) from error
    work.done(journal.CREATED, swap.databases(work.control, [name])[name].oid)
    side, tools = work.connection.to_database(name), pg_tools.find(major)
    try:
        archive.restore(side, tools, backup, jobs=work.jobs, leave_out=leave_out, progress=work.progress)
    except archive.ToolError as failure:
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


def _require_replaced(work: Work) -> None:
    """Refuse to go on without the database that is to be put back, or while somebody stays in it."""
    made = work.journal
    if not work.side:
        raise Problem(
            f"There is no database {made.side_name} any more, or it is not the one it was when this restore began",
            do=f"{made.database} is as it was; look at both",
        )
    swap.refuse_unendable(work.control, made.side_name)


def _change_over(work: Work) -> None:
    """Close the live database, unless somebody is there who cannot be disconnected, and put the side one in its place."""
    control, made = work.control, work.journal
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


def _complete(work: Work, backup: Backup | None) -> Restored:
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
            f"The restore was interrupted after the step `{made.last_step}`: {reason}",
            do=f"the original data is in {made.database} or, if that holds the backup already, in {made.replaced_name};"
            " once the server answers, `scripts/cmsid restore` goes on and `scripts/cmsid restore --abandon` gives up",
        ) from error


def new_journal(
    control: psycopg.Connection[Any], connection: Connection, backup: Backup | None, side_name: str = ""
) -> Journal:
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
