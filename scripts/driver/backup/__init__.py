"""Backups that are proven to restore, and a restore that keeps what it replaces.

For other modules: `take.take_backup`, `restore.restore`, `store` (what backups there are) and `journal.describe`.
"""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with a step's name, how much of it is done, and how much there is (bytes where the name says so)."""


def silent(_step: str, _done: int, _total: int) -> None:
    """The progress that nobody wants to see."""
