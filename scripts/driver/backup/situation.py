"""What stands where after an interrupted restore, and which databases a restore has left behind."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

from driver.backup import journal, scratch, store, swap
from driver.backup.copies import Copy, copies
from driver.backup.session import elsewhere, system_identifier
from driver.backup.work import Work
from driver.errors import Problem
from driver.wording import size

if TYPE_CHECKING:
    from pathlib import Path

    from driver.profile import Connection


@dataclass(frozen=True)
class Situation:
    """What there is to be told of restores.

    Attributes:
        lines: an interrupted restore with what to do about it, and databases that restores replaced.
        interrupted: whether a restore was.
        problem: why the server could not be asked; empty if it was.
    """

    lines: list[str]
    interrupted: bool
    problem: str = ""


def describe(connection: Connection, directory: Path | None = None) -> list[str]:
    """What there is to be told of restores, in lines; none if there is nothing."""
    found = look(connection, directory)
    return [*found.lines, *filter(None, [found.problem])]


def look(connection: Connection, directory: Path | None = None) -> Situation:
    """The same, with whether the server could be asked."""
    folder = store.folder_of(connection, directory)
    lines = []
    try:
        unfinished = journal.unfinished(folder)
    except Problem as problem:
        return Situation([problem.format_message()], interrupted=True)
    try:
        with elsewhere(connection, connection.dbname) as control:
            if unfinished and not unfinished.is_of(connection.dbname, system_identifier(control)):
                lines.append(
                    f"{folder} has the journal of a restore of {unfinished.database}, on another server or with its name"
                    " spelt so; it is not this database's."
                )
            elif unfinished:
                lines += _interrupted(Work(connection, control, folder, unfinished))
            lines += [
                _left(copy, connection.dbname)
                for copy in copies(control, connection, directory)
                if copy.database in ("", connection.dbname)
            ]
            for name, count in scratch.left_over(control, connection.dbname):
                lines.append(
                    f"{name} ({size(count)}) is left over from a test restore: `scripts/cmsid prune` drops it."
                )
    except Problem as problem:
        if unfinished:
            lines += [f"A restore of {unfinished.backup_id} was interrupted after the step `{unfinished.last_step}`."]
        return Situation(lines, unfinished is not None, problem.format_message())
    return Situation(lines, unfinished is not None)


def _left(copy: Copy, database: str) -> str:
    name, force = quote(copy.name), "" if copy.own else " --force"
    told = f"{copy.name} ({size(copy.size)}) was replaced by a restore:"
    if not copy.own:
        told = (
            f"{copy.name} ({size(copy.size)}) is of unknown origin: no record here says that it belongs to the"
            f" database {database} of now. If it does,"
        )
    back = f" `scripts/cmsid restore --put-back {name}{force}` puts it back," if copy.replaced else ""
    drop = f"prune --replaced {name}{force}" if force else "prune --replaced"
    return f"{told}{back} `scripts/cmsid {drop}` drops it."


def _interrupted(work: Work) -> list[str]:
    made = work.journal
    found = swap.databases(work.control, [made.database, made.side_name])
    lines = [
        f"A restore of {made.backup_id} was interrupted after the step `{made.last_step}` (process {made.process})."
    ]
    live = found.get(made.database)
    if made.mode == journal.IN_PLACE:
        lines.append(
            f"It works within {made.database}, in one transaction: either all of it is done or none. What it"
            f" replaces is also in the backup {made.safety_backup}."
        )
        lines.append("`scripts/cmsid restore` finds out which, and goes on if it is not done.")
        return lines
    if work.is_swapped:
        lines.append(f"{made.database} is the restored database already; the original data is in {made.replaced_name}.")
        lines.append("`scripts/cmsid restore` finishes: it lists the backup again and counts.")
        return lines
    if live is None:
        lines.append(f"There is no database {made.database}; there was none when the restore began.")
    elif live.open:
        lines.append(f"{made.database} holds the original data, unchanged and open.")
    else:
        lines.append(f"{made.database} holds the original data, unchanged, but is closed to connections.")
    if made.side_name in found and made.mode == journal.BESIDE:
        lines.append(f"{made.side_name} is the restored copy, not in use.")
    lines.append(
        "`scripts/cmsid restore` goes on; `scripts/cmsid restore --abandon` goes back to the original, open again."
    )
    return lines
