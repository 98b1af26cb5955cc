"""The steps of a restore beside the live database: create, fill, compare, change over, list again.

Every step is in the journal once it is done. What fails before the change-over is undone; after a crash the steps that
are not done are done again, as far as the server says they are not.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from driver.backup import archive, catalogue, compare, database_state, journal, listing, pg_tools, prepared, store, swap
from driver.backup.drop import drop
from driver.backup.outcome import Restored, count_students
from driver.backup.session import major_of, pinned, system_identifier
from driver.errors import Problem, why

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driver.backup.archive import Progress
    from driver.backup.journal import Journal
    from driver.backup.store import Backup
    from driver.profile import Connection

UNTOUCHED = "the live database is as it was"
NOT_ALLOWED = re.compile("permission denied|must be (owner|superuser)")
OTHER_WAYS = "; have a superuser prepare the template that `scripts/cmsid doctor` describes, or use `scripts/cmsid restore --in-place`"


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
    apart: list[str] = field(default_factory=list)
    rewritten: Sequence[catalogue.Rewritten] = ()

    def done(self, step: str, side_oid: int | None = None) -> None:
        """Write down a step."""
        self.journal = journal.record(self.folder, self.journal, step, side_oid)

    @property
    def side(self) -> Connection:
        """The database that takes the live one's place."""
        return self.connection.to_database(self.journal.side_name)


def carry_on(work: Work) -> Restored:
    """Do what is left of a restore; whatever fails before the swap is undone."""
    try:
        if not is_swapped(work.control, work.journal):
            _prepare(work)
            _change_over(work)
    except BaseException as error:
        undo(work.control, work.folder, work.journal, error)
        raise
    with finishing(work.journal):
        return _complete(work)


def _prepare(work: Work) -> None:
    """Make the side database all that the live one shall be."""
    side = own_side(work.control, work.journal)
    # One that is closed was about to be dropped.
    if not (work.journal.has(journal.RESTORED) and side and side.open):
        _fill_side(work)
    manifest = work.backup.manifest
    _, _, unproven = _start(work)
    found = compare.differences(work.side, manifest, jobs=work.jobs, unproven=unproven, progress=work.progress)
    if found.differences:
        raise Problem(
            f"The backup {manifest.backup_id} restored to something else: {compare.in_short(found.differences)}",
            where=str(work.backup.folder),
            do=f"{UNTOUCHED}; choose another backup",
        )
    work.apart, work.rewritten = found.apart, found.rewritten
    with pinned(work.side) as session:
        session.execute("analyze")
    work.left = database_state.apply(work.control, work.journal.side_name, manifest.state)
    state = database_state.read(work.control, work.journal.side_name)
    wanted = {key: value for key, value in manifest.state.items() if key in state}
    remaining = database_state.differences(state, wanted)
    if remaining and not work.left:
        raise Problem(
            f"The database's settings could not be restored: {compare.in_short(remaining)}",
            do=f"{UNTOUCHED}; report this",
        )
    work.done(journal.COMPARED)


def _fill_side(work: Work) -> None:
    """Create the side database and restore into it, anew if a first attempt was interrupted."""
    manifest, name = work.backup.manifest, work.journal.side_name
    if own_side(work.control, work.journal):
        drop(work.control, name)
    template, leave_out, _ = _start(work)
    try:
        work.control.execute(database_state.creation(manifest.state, name, major_of(work.control), template))
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
    side_oid = swap.databases(work.control, [name])[name].oid
    work.done(journal.CREATED, side_oid)
    with tempfile.TemporaryDirectory(prefix="cmsid-") as temporary:
        try:
            archive.restore(
                work.side,
                pg_tools.find(major_of(work.control)),
                work.backup.dump,
                jobs=work.jobs,
                manifest=manifest,
                leave_out=leave_out,
                scratch=Path(temporary),
                progress=work.progress,
            )
        except archive.ToolError as failure:
            others = OTHER_WAYS if NOT_ALLOWED.search(failure.reason) else ""
            what = f"The backup {manifest.backup_id} does not restore"
            raise archive.problem_of(failure, what, str(work.backup.folder), UNTOUCHED + others) from failure
    # The restore waited for the disk at no commit. This one waits, and what was written before it is there with it.
    work.control.execute(
        sql.SQL("comment on database {} is {}").format(
            sql.Identifier(name), sql.Literal(f"Restored from the backup {manifest.backup_id}, not in use yet.")
        )
    )
    work.done(journal.RESTORED)


def _start(work: Work) -> tuple[str, list[str], set[str]]:
    tools, content = pg_tools.find(major_of(work.control)), work.backup.manifest
    return prepared.start(work.connection, work.control, tools, content, work.backup.dump)


def _change_over(work: Work) -> None:
    """Close the live database and put the side one in its place."""
    work.journal = close_live(work.control, work.folder, work.journal)
    swap.swap(work.control, work.journal)
    work.done(journal.SWAPPED)


def close_live(control: psycopg.Connection[Any], folder: Path, made: Journal) -> Journal:
    """Close the live database, if there is one, once nobody is there who could not be disconnected.

    Raises:
        Problem: it is another one by now, or somebody stays; it is open.
    """
    live = swap.databases(control, [made.database]).get(made.database)
    if live and live.oid != made.live_oid:
        raise Problem(
            f"The database {made.database} is not the one it was when this restore began",
            do="nothing was changed; look at it, give this up with `scripts/cmsid restore --abandon`, and restore again",
        )
    if live:
        swap.refuse_unendable(control, made.database, swap.CLEAR_SECONDS)
        swap.set_open(control, made.database, is_open=False)
        return journal.record(folder, made, journal.CLOSED)
    return made


def _complete(work: Work) -> Restored:
    """List the backup in the restored database, which does not know of it, and count."""
    manifest, made = work.backup.manifest, work.journal
    replaced = replaced_by(work.control, made)
    with pinned(work.connection) as session:
        kept = f"; what it replaced is {replaced}" if replaced else ""
        try:
            catalogue.rewrite_baseline(session, work.connection.audit_schema, work.rewritten)
            listing.record(session, work.connection.audit_schema, work.backup)
            listing.log(session, work.connection.audit_schema, "restored", f"backup {manifest.backup_id}{kept}")
        except psycopg.errors.InsufficientPrivilege as error:
            work.left.append(f"-- the backup could not be listed again: {why(error)}")
        students = count_students(session)
    journal.finish(work.folder, made, journal.DONE)
    return Restored(
        manifest.backup_id, made.database, replaced, "", len(manifest.tables), students, work.left, work.apart
    )


def replaced_by(control: psycopg.Connection[Any], made: Journal) -> str:
    """The name of the database that a restore replaced; empty if there was none."""
    return made.replaced_name if swap.database(control, made.replaced_name, made.live_oid) else ""


def own_side(control: psycopg.Connection[Any], made: Journal) -> swap.Database | None:
    """The side database of a restore, if it exists; one of the same name that somebody else made is not it."""
    side = swap.databases(control, [made.side_name]).get(made.side_name)
    return side if side and made.made_side(side.oid) else None


def require_own_side(control: psycopg.Connection[Any], made: Journal) -> None:
    """Refuse to go on without the side database.

    Raises:
        Problem: it is gone, or another has its name.
    """
    if not own_side(control, made):
        raise Problem(
            f"There is no database {made.side_name} any more, or it is not the one it was when this restore began",
            do=f"{made.database} is as it was; look at both",
        )


def go_back(control: psycopg.Connection[Any], made: Journal) -> None:
    """Open what was closed and drop what was made beside; nothing of the live database was changed."""
    live = swap.database(control, made.database, made.live_oid)
    side = own_side(control, made)
    if live and not live.open:
        swap.set_open(control, made.database, is_open=True)
    if side and made.mode == journal.BESIDE:
        drop(control, made.side_name)
    elif side and not side.open:
        swap.set_open(control, made.side_name, is_open=True)


@contextlib.contextmanager
def finishing(made: Journal) -> Iterator[None]:
    """Say what is done already when the last step fails.

    Raises:
        Problem: it did; the journal stays.
    """
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, Problem) as error:
        reason = why(error)
        raise Problem(
            f"{made.database} is {made.backup_id} now, but finishing was interrupted: {reason}",
            do=f"the original data is in {made.replaced_name}; run `scripts/cmsid restore` to finish",
        ) from error


def undo(control: psycopg.Connection[Any], folder: Path, made: Journal, error: BaseException) -> None:
    """Go back after a failure; behind the swap there is no way back, so the journal stays for `restore` to finish.

    Raises:
        Problem: the server is gone, so the journal stays for the next attempt; it undoes what it did not commit. Or what
            was made beside could not be dropped: then it stays as well, and the failure itself is told first.
    """
    try:
        if is_swapped(control, made):
            return
        go_back(control, made)
        journal.finish(folder, made, journal.GIVEN_UP)
    except Problem as left:
        reason = why(error)
        raise Problem(
            f"{reason or 'The restore was interrupted'}; and going back is not finished: {left.what}",
            do=f"{made.database} is as it was and open; `scripts/cmsid restore --abandon` tries again",
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as lost:
        reason = error.what if isinstance(error, Problem) else why(lost)
        raise Problem(
            f"The restore was interrupted after the step `{made.last_step}`: {reason or 'the connection was lost'}",
            do=f"the original data is in {made.database} or, if that holds the backup already, in {made.replaced_name};"
            " once the server answers, `scripts/cmsid restore` goes on and `scripts/cmsid restore --abandon` gives up",
        ) from error


def is_swapped(control: psycopg.Connection[Any], made: Journal) -> bool:
    """Whether the side database already has the live one's name."""
    return bool(made.side_oid and swap.database(control, made.database, made.side_oid))


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
