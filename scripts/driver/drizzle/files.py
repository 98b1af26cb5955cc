"""Writes several files, all of them or none, and shows what would be written."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Change:
    """A file's content, as it was read and as it is to be."""

    path: Path
    before: bytes
    after: bytes


def counted(number: int, thing: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {thing}" + ("" if number == 1 else "s")


def unified(changes: Sequence[Change], folder: Path) -> Iterator[str]:
    """Shows changes the way `patch` and `git apply` read them: one unified diff, with paths from this folder, by lines."""
    for change in changes:
        path = change.path
        name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix().lstrip("/")
        for line in difflib.unified_diff(_lines(change.before), _lines(change.after), f"a/{name}", f"b/{name}"):
            yield line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"


def _lines(content: bytes) -> list[str]:
    # Only line feeds end a line here: splitlines would also split at form feeds and the like.
    return re.findall(r"[^\n]*\n|[^\n]+", content.decode("utf-8", "replace"))


def write_all(changes: Sequence[Change]) -> None:
    """Replaces every file, or none.

    Each is written beside its place first, then all are renamed into place; if that fails, they are taken back.
    """
    if found := [obstacle for change in changes for obstacle in _obstacles(change)]:
        raise Problem(nothing_written(found))
    token = secrets.token_hex(4)
    new = {change: change.path.with_name(f".{change.path.name}.{token}.new") for change in changes}
    old = {change: change.path.with_name(f".{change.path.name}.{token}.old") for change in changes}
    current: Change | None = None
    try:
        for current in changes:
            # The old one as well, so that taking it back needs no space.
            _write_beside(new[current], current.after, like=current.path)
            _write_beside(old[current], current.before, like=current.path)
        for current in changes:
            new[current].replace(current.path)
    except BaseException as error:
        for change in changes:
            # What is no longer beside its place has been put into it.
            if old[change].exists() and not new[change].exists():
                old[change].replace(change.path)
        if isinstance(error, OSError) and current is not None:
            raise Problem(nothing_written([f"{current.path} cannot be written: {error.strerror}"])) from error
        raise
    finally:
        for path in [*new.values(), *old.values()]:
            with contextlib.suppress(OSError):
                path.unlink()


def nothing_written(problems: Sequence[str]) -> str:
    """One message for everything that is in the way."""
    if len(problems) == 1:
        return f"{problems[0]} (nothing was written)"
    return f"nothing was written, {len(problems)} things are in the way:\n" + "\n".join(f"  - {p}" for p in problems)


def _obstacles(change: Change) -> Iterator[str]:
    """What stands in the way of writing a file; changes nothing."""
    path, folder = change.path, change.path.parent
    try:
        # Asked for by its mode too: to the superuser every file is writable, but not meant to be.
        writable = bool(path.stat().st_mode & 0o222)
        with path.open("r+b") as file:
            current = file.read()
    except PermissionError:
        writable, current = False, change.before
    except OSError as error:
        yield f"{path} cannot be written: {error.strerror}"
        return
    if not writable:
        yield f"{path} is read-only: make it writable first"
    elif not (os.access(folder, os.W_OK) and folder.stat().st_mode & 0o222):
        yield f"the folder {folder} is read-only: make it writable first, the files in it are replaced whole"
    elif current != change.before:
        yield f"{path} has been changed by someone else meanwhile: run this again"


def _write_beside(path: Path, content: bytes, *, like: Path) -> None:
    kept = like.stat()
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(kept.st_mode & 0o7777)
    if (kept.st_uid, kept.st_gid) != (path.stat().st_uid, path.stat().st_gid):
        os.chown(path, kept.st_uid, kept.st_gid)
