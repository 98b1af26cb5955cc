"""The folder of backups: backup_db/<database>/<backup_id>/, each a dump, a manifest and a test restore's record."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from driver.backup import files, manifest
from driver.bootstrap import project
from driver.errors import Problem

if TYPE_CHECKING:
    from driver.backup.manifest import Manifest, Verification
    from driver.profile import Connection

FOLDER_VARIABLE = "CMSID_BACKUPS"
"""The environment variable that names the folder of all backups."""
STAMP = "%Y%m%dT%H%M%SZ"
ID_PATTERN = re.compile(r"\d{8}T\d{6}Z-.+")
PARTIAL_PREFIX = ".partial-"
PRUNED_PREFIX = ".pruned-"
SAFETY_COPY = "what a restore in place was to replace"
"""The purpose of the backup that such a restore takes first."""


@dataclass(frozen=True)
class Backup:
    """A backup whose manifest is in order.

    Attributes:
        folder: where it is.
        manifest: what it says of itself.
        verification: the record of its test restore; None if there was none.
    """

    folder: Path
    manifest: Manifest
    verification: Verification | None

    @property
    def backup_id(self) -> str:
        """Its name."""
        return self.manifest.backup_id

    @property
    def shortcoming(self) -> str:
        """What is wrong with its files as far as names and sizes tell, in words; empty if nothing is."""
        try:
            manifest.own_files(self.folder, self.manifest)
        except Problem as problem:
            return problem.what
        return ""

    @property
    def dump(self) -> Path:
        """The folder that pg_dump wrote."""
        return self.folder / manifest.DUMP


@dataclass(frozen=True)
class Damaged:
    """A folder that should be a backup and is none, and why, in one sentence."""

    folder: Path
    shortcoming: str

    @property
    def backup_id(self) -> str:
        """The name it has."""
        return self.folder.name


def now() -> datetime:
    """The moment, in UTC, in whole seconds."""
    return datetime.now(timezone.utc).replace(microsecond=0)


def stamp(moment: datetime) -> str:
    """A moment as it stands in names."""
    return moment.astimezone(timezone.utc).strftime(STAMP)


def safe_name(database: str) -> str:
    """A database's name as the name of a file."""
    name = quote(database, safe=" ()[]{}+,;=@!$&'~^")
    return "%2E" + name[1:] if name.startswith(".") else name


def default_folder() -> Path:
    """The folder of all backups where a command is told none: CMSID_BACKUPS, or backup_db in the project."""
    return Path(os.environ.get(FOLDER_VARIABLE) or project() / "backup_db")


def folder_of(connection: Connection, directory: Path | None = None) -> Path:
    """The folder of a database's backups, in the folder of all backups; that is by default as `default_folder`."""
    return (directory or default_folder()).absolute() / safe_name(connection.dbname)


def new_id(connection: Connection, folder: Path, moment: datetime) -> str:
    """A name for a new backup that no other has."""
    base = f"{stamp(moment)}-{safe_name(connection.dbname)}"
    name, number = base, 1
    while (folder / name).exists() or (folder / (PARTIAL_PREFIX + name)).exists():
        number += 1
        name = f"{base}-{number}"
    return name


def read(folder: Path) -> Backup:
    """A backup, its manifest and verification checked (not its files)."""
    content = manifest.read(folder)
    return Backup(folder, content, manifest.read_verification(folder, content))


def all_backups(folder: Path) -> list[Backup | Damaged]:
    """Every backup of a folder, the newest first, damaged ones included."""
    if not folder.is_dir():
        return []
    found: list[Backup | Damaged] = []
    for path in sorted(folder.iterdir(), key=lambda entry: entry.name, reverse=True):
        if path.is_dir() and ID_PATTERN.fullmatch(path.name):
            try:
                found.append(read(path))
            except Problem as problem:
                found.append(Damaged(path, problem.what))
    return sorted(found, key=_age, reverse=True)


def shortcoming_of_listed(location: str) -> str:
    """Why a backup cannot be used that the database lists at a place, as far as that can be told without reading it."""
    if not os.path.isdir(location):  # noqa: PTH112 - the one that takes a folder nobody may look into for none
        return f"There is no folder {location} here"
    try:
        return read(Path(location)).shortcoming
    except Problem as problem:
        return problem.what


def partial_folders(folder: Path) -> list[Path]:
    """What is left of backups that were interrupted, or of a removal that was; not what is being written now."""
    if not folder.is_dir():
        return []
    left = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name.startswith((PARTIAL_PREFIX, PRUNED_PREFIX)):
            with files.exclusive(lock_of(path)) as free:
                if free:
                    left.append(path)
    return left


def lock_of(partial: Path) -> Path:
    """The file that is locked while a partial folder is being written."""
    return partial.with_name(partial.name + ".lock")


def find(connection: Connection, name: str | None, directory: Path | None = None) -> Backup:
    """The backup a user means, by its name or the path of its folder.

    By default the newest that no restore took as a safety copy: else a restore that failed, begun again, would put back
    what it was to replace.
    """
    folder = folder_of(connection, directory)
    if name is not None:
        for path in (folder / name, Path(name).absolute()):
            if path.is_dir():
                return read(path)
        raise Problem(f"There is no backup {name}", where=str(folder), do="`scripts/cmsid backups` lists what there is")
    found = all_backups(folder)
    if not found:
        raise Problem(
            "There is no backup of this database", where=str(folder), do="take one with `scripts/cmsid backup`"
        )
    chosen = [backup for backup in found if isinstance(backup, Damaged) or backup.manifest.purpose != SAFETY_COPY]
    if not chosen:
        raise Problem(
            "There are only safety copies, which restores in place took of what they replaced",
            where=str(folder),
            do="name the one to restore; `scripts/cmsid backups` lists them",
        )
    newest = chosen[0]
    if isinstance(newest, Damaged):
        raise Problem(
            f"The newest backup, {newest.backup_id}, cannot be used: {newest.shortcoming}",
            where=str(newest.folder),
            do="name the backup to use; `scripts/cmsid backups` lists them",
        )
    return newest


def _age(backup: Backup | Damaged) -> tuple[str, str]:
    # Two of the same second are told apart by the moment of their snapshot.
    return (backup.backup_id[:16], backup.manifest.taken_at if isinstance(backup, Backup) else "")
