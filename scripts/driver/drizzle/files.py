"""Writes several files, all of them or none."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Change:
    """A file's content, as it was read and as it is to be."""

    path: Path
    before: bytes
    after: bytes


def obstacles(changes: Sequence[Change]) -> list[str]:
    """What stands in the way of writing the files, a sentence for each; changes nothing."""
    found = []
    for change in changes:
        path = change.path
        try:
            # Asked for by its mode too: to the superuser every file is writable, but not meant to be.
            writable = bool(path.stat().st_mode & 0o222)
            with path.open("r+b") as file:
                current = file.read()
        except PermissionError:
            writable, current = False, change.before
        except OSError as error:
            found.append(f"{path} cannot be written: {error.strerror}")
            continue
        folder = path.parent
        if not writable:
            found.append(f"{path} is read-only: make it writable first")
        elif not (os.access(folder, os.W_OK) and folder.stat().st_mode & 0o222):
            found.append(
                f"the folder {folder} is read-only: make it writable first, the files in it are replaced whole"
            )
        elif current != change.before:
            found.append(f"{path} has been changed by someone else meanwhile: run this again")
    return found


def write_all(changes: Sequence[Change]) -> None:
    """Replaces every file, or none.

    Each is written beside its place first, then all are renamed into place; if that fails, they are taken back.

    Args:
        changes: what to write; every file exists.

    Raises:
        Problem: a file cannot be written. All of them are as they were.
    """
    found = obstacles(changes)
    if found:
        raise Problem(nothing_written(found))
    token = secrets.token_hex(4)
    new = {change: change.path.with_name(f".{change.path.name}.{token}.new") for change in changes}
    old = {change: change.path.with_name(f".{change.path.name}.{token}.old") for change in changes}
    current: Change | None = None
    try:
        for current in changes:
            _write_beside(current, new[current])
            _keep(current.path, old[current])
        for current in changes:
            new[current].replace(current.path)
    except BaseException as error:
        for change in changes:
            # What is no longer beside its place has been put into it.
            if old[change].exists() and not new[change].exists():
                old[change].replace(change.path)
        _remove([*new.values(), *old.values()])
        if isinstance(error, OSError) and current is not None:
            raise Problem(nothing_written([f"{current.path} cannot be written: {error.strerror}"])) from error
        raise
    _remove(old.values())


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


def nothing_written(problems: Sequence[str]) -> str:
    """One message for everything that is in the way."""
    if len(problems) == 1:
        return f"{problems[0]} (nothing was written)"
    return f"nothing was written, {len(problems)} things are in the way:\n" + "\n".join(f"  - {p}" for p in problems)


def _write_beside(change: Change, path: Path) -> None:
    kept = change.path.stat()
    with path.open("xb") as file:
        file.write(change.after)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(kept.st_mode & 0o7777)
    if (kept.st_uid, kept.st_gid) != (path.stat().st_uid, path.stat().st_gid):
        os.chown(path, kept.st_uid, kept.st_gid)


def _keep(path: Path, beside: Path) -> None:
    """A second name for the file as it is, so that taking it back needs no space; a copy where links are not known."""
    try:
        os.link(path, beside)
    except OSError:
        shutil.copy2(path, beside)
