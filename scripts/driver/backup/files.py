"""Files that hold personal data: private, whole, and on the disk before they count."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from driver.bootstrap import try_lock
from driver.errors import Problem

FOLDER_MODE = 0o700
FILE_MODE = 0o600
CHUNK = 1 << 20  # bytes
DRAFT = ".new"
"""The end of a file's name while it is being written; who is killed meanwhile leaves it."""


def make_private_folder(path: Path) -> None:
    """Create a folder that only this user may enter, with those above it that are missing."""
    for folder in [*reversed(path.parents), path]:
        try:
            if not folder.exists():
                folder.mkdir(mode=FOLDER_MODE)
        except FileExistsError:
            continue  # somebody else was faster
        # Who may not, or has no room, is told so for every kind of file; this is the place itself.
        except FileNotFoundError as error:
            raise Problem("No folder can be made here", where=str(folder), do="name another place") from error
    if not path.is_dir():
        raise Problem("A file stands where a folder for backups should be", where=str(path), do="move it away")


def hindrance(folder: Path) -> str:
    """Why no folder can be made in this one; empty if one can, which is tried: rights alone do not tell."""
    try:
        with tempfile.TemporaryDirectory(prefix=".cmsid-", dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def settle(folder: Path) -> None:
    """Take everybody else's rights away from a folder and all that is in it, and have it on the disk."""
    for path in [*folder.rglob("*"), folder]:
        path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)
        sync(path)


def write_private(path: Path, text: str) -> None:
    """Write a file at once: under another name, to the disk, then renamed."""
    draft = path.with_name(path.name + DRAFT)
    try:
        with open_private(draft) as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync(path.parent)


@contextlib.contextmanager
def open_private(path: Path) -> Iterator[IO[bytes]]:
    """A new or emptied file that only this user may read."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    except FileNotFoundError as error:
        raise Problem("No file can be made here", where=str(path), do="name another folder") from error
    with os.fdopen(descriptor, "wb") as file:
        if os.name != "nt":
            os.fchmod(descriptor, FILE_MODE)
        yield file


def sync(path: Path) -> None:
    """Have a file, or a folder's entries, on the disk, where the system can do that."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path, read: Callable[[int], None] | None = None) -> str:
    """The sha256 of a file, as hexadecimal digits; `read` is called with the number of bytes of each piece."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
            if read:
                read(len(piece))
    return digest.hexdigest()


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[bool]:
    """Hold the lock on a file, which is made if it is missing, as long as this process lives. Yields whether it was free."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)) as lock:
        yield try_lock(lock)
