"""Shows changes the way `patch` and `git apply` read them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from driver.drizzle.files import Change


def unified(changes: Sequence[Change], folder: Path) -> Iterator[str]:
    """Compares each file as it is with what it is to be.

    Args:
        changes: what would be written.
        folder: the folder the paths are shown from.

    Yields:
        The lines of one unified diff, each with its line end.
    """
    for change in changes:
        path = change.path
        name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix().lstrip("/")
        lines = difflib.unified_diff(_lines(change.before), _lines(change.after), f"a/{name}", f"b/{name}")
        for line in lines:
            yield line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"


def _lines(content: bytes) -> list[str]:
    # Only line feeds end a line here: splitlines would also split at form feeds and the like.
    text = content.decode("utf-8", "replace")
    return [line + "\n" for line in text.split("\n")[:-1]] + ([text.rpartition("\n")[2]] if text[-1:] != "\n" else [])
