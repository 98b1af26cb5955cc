"""Puts a database that a restore replaced back in the live one's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from driver.backup import journal, swap
from driver.backup.beside import close_live, finishing, is_swapped, replaced_by, require_own_side, undo
from driver.backup.outcome import Restored, count_students
from driver.backup.session import pinned

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from driver.backup.journal import Journal
    from driver.profile import Connection


def carry_on_back(connection: Connection, control: psycopg.Connection[Any], folder: Path, made: Journal) -> Restored:
    """Swap the live database, if there still is one, and a replaced one."""
    try:
        if not is_swapped(control, made):
            require_own_side(control, made)
            swap.refuse_unendable(control, made.side_name)
            made = close_live(control, folder, made)
            swap.set_open(control, made.side_name, is_open=False)
            swap.clear(control, made.side_name)
            swap.swap(control, made)
            made = journal.record(folder, made, journal.SWAPPED)
    except BaseException as error:
        undo(control, folder, made, error)
        raise
    with finishing(made):
        with pinned(connection) as session:
            students = count_students(session)
        journal.finish(folder, made, journal.DONE)
    return Restored(made.backup_id, made.database, replaced_by(control, made), "", 0, students)
