"""Whether a report still tells of what the database holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.wording import moment

if TYPE_CHECKING:
    from driver.migration_state import MigrationState
    from driver.result import Result


def superseded(result: Result, state: MigrationState) -> str:
    """Why a result tells of something else than what the database holds now, in a sentence; empty if it does not.

    Args:
        result: one that got as far as the tests.
        state: as read now.
    """
    if result.cut_over_at == state.cut_over_at:
        if result.finished_at >= state.restored_at:
            return ""
        return f"That was before a backup was restored at {moment(state.restored_at)}, and says nothing of what is there now."
    if result.cut_over_at:
        return f"That is of an earlier migration (cut-over at {moment(result.cut_over_at)}), and says nothing of what is there now."
    return f"That was before the cut-over at {moment(state.cut_over_at)}, and says nothing of what is there now."
