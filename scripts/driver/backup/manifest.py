"""What a backup is: which files with which content, and what the database held at that moment.

The manifest is written last, so a folder without one is no backup. It holds a checksum of itself, the sha256 of every
other file, and what a restored database is compared with.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from driver.backup import Progress, files, silent
from driver.errors import Problem
from driver.wording import size

FORMAT = 1
NAME = "manifest.json"
VERIFIED = "verified.json"
DUMP = "dump"
REHEARSAL = re.compile(r"rehearsal-\d{8}T\d{6}Z\.json")
"""The records of rehearsals of a backup, which are no part of it."""
T = TypeVar("T")
REFUSAL = "nothing was touched; choose another backup (`scripts/cmsid backups` lists them)"


@dataclass(frozen=True)
class File:
    """One file of a backup: its path below the backup's folder (with slashes), its size in bytes, its sha256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Table:
    """One table: its columns in order, its rows, the two sums of row hashes (decimal digits), its size in bytes."""

    schema: str
    name: str
    columns: list[str]
    rows: int
    fingerprint_a: str
    fingerprint_b: str
    bytes: int

    @property
    def label(self) -> str:
        """The table as `schema.name`."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Manifest:
    """Everything a backup says of itself.

    Attributes:
        backup_id: such as 20261123T081500Z-registry; the folder has the same name.
        purpose: what it was taken for, in words; may be empty.
        taken_at: the moment of its snapshot, ISO 8601, UTC.
        database: the database's name.
        system_identifier: of the server's data directory.
        server_version: such as `15.18 (Debian ...)`.
        server_major: such as 15.
        tools: which pg_dump wrote it.
        tool_version: this program's version.
        snapshot: the exported snapshot's name.
        session: settings under which the fingerprints were computed.
        state: what the database has besides objects; see database_state.
        sequences: their values at the snapshot; a restored one is at least that far.
        large_objects: their number and fingerprint.
        catalogue: every object with its definition: [kind, name, definition].
        tables: every table.
        files: every file but this one.
    """

    backup_id: str
    purpose: str
    taken_at: str
    database: str
    system_identifier: str
    server_version: str
    server_major: int
    tools: str
    tool_version: str
    snapshot: str
    session: dict[str, str]
    state: dict[str, Any]
    sequences: list[dict[str, Any]]
    large_objects: dict[str, str]
    catalogue: list[list[str]]
    tables: list[Table] = field(default_factory=list)
    files: list[File] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(file.bytes for file in self.files)

    @property
    def rows(self) -> int:
        """The rows of all tables together."""
        return sum(table.rows for table in self.tables)

    @property
    def extent(self) -> str:
        """How much it holds, in words."""
        return f"{len(self.tables)} tables, {self.rows:,} rows, {size(self.bytes)}"

    @property
    def audit_schema(self) -> str:
        """The schema that was our own: its tables are in the backup, but not its definition; empty if there was none."""
        others = {name.strip('"').replace('""', '"') for kind, name, _ in self.catalogue if kind == "schema"}
        return next((t.schema for t in self.tables if t.name == "backup_tables" and t.schema not in others), "")

    @property
    def checksum(self) -> str:
        """The sha256 of the content, in one fixed spelling."""
        return _checksum(self._content())

    def write(self, folder: Path) -> None:
        """Write it into its backup's folder, whole or not at all."""
        write_checked(folder / NAME, self._content())

    def _content(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}


@dataclass(frozen=True)
class Verification:
    """The record of a test restore that came out identical.

    Attributes:
        backup_id: the backup.
        manifest_sha256: the checksum of the manifest it was compared with.
        verified_at: when, ISO 8601, UTC.
        server_version: of the server it was restored on.
        tables: how many tables were compared.
        seconds: how long restore and comparison took.
        apart: what no restore brings back, and so was not compared, in words.
        elsewhere: on which other server it was restored, and what was made there for it, in words; empty beside the live one.
    """

    backup_id: str
    manifest_sha256: str
    verified_at: str
    server_version: str
    tables: int
    seconds: float
    apart: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


def read(folder: Path) -> Manifest:
    """The manifest of a backup, checked against its own checksum and its folder's name."""
    path = folder / NAME
    try:
        list(folder.iterdir())
        path.stat()
    except FileNotFoundError as error:
        raise _refused("The backup has no manifest: it was never finished, or the file is lost", folder) from error
    except OSError as error:
        raise _unreadable(folder, error) from error
    manifest = read_checked(path, "The manifest", partial(_made, path))
    if manifest.backup_id != folder.name:
        raise _refused(f"The manifest is that of another backup, {manifest.backup_id}", path)
    return manifest


def _made(path: Path, **content: Any) -> Manifest:
    if content.pop("format", None) != FORMAT:
        raise _refused("The manifest is of a format this version does not know", path)
    content["tables"] = [Table(**table) for table in content["tables"]]
    content["files"] = [File(**file) for file in content["files"]]
    return Manifest(**content)


def read_verification(folder: Path, manifest: Manifest) -> Verification | None:
    """The record of the backup's test restore; None if there was none.

    Raises:
        Problem: the record was changed or belongs to another backup.
    """
    path = folder / VERIFIED
    if not path.exists():
        return None
    verification = read_checked(path, "The record of the test restore", Verification)
    if verification.backup_id != manifest.backup_id or verification.manifest_sha256 != manifest.checksum:
        raise _refused("The record of the test restore is that of another backup", path)
    return verification


def check_files(folder: Path, manifest: Manifest, progress: Progress = silent) -> None:
    """Compare every file of a backup with its manifest: none missing, none too many, each byte as it was."""
    found = own_files(folder, manifest)
    done, total = 0, manifest.bytes

    def read_piece(count: int) -> None:
        nonlocal done
        done += count
        progress("checksums (bytes)", done, total)

    for file in manifest.files:
        path = found[file.path]
        try:
            digest = files.sha256_of(path, read_piece)
        except OSError as error:
            raise _unreadable(path, error) from error
        if digest != file.sha256:
            raise _refused("A file of the backup was changed: its sha256 is not that of the manifest", path)


def own_files(folder: Path, manifest: Manifest) -> dict[str, Path]:
    """The files the manifest names: all there, none besides, each of its size; they are not read here."""
    expected = {file.path: file for file in manifest.files}
    entries = [path for path in _walk(folder) if path.is_symlink() or not path.is_dir()]
    found = {path.relative_to(folder).as_posix(): path for path in entries}
    for name, path in found.items():
        note = name.removesuffix(files.DRAFT)
        if not (name in expected or note in (NAME, VERIFIED) or REHEARSAL.fullmatch(note)):
            raise _refused("The backup holds a file that is not its own", path)
    for name in sorted(expected.keys() - found.keys()):
        raise _refused(f"The backup is incomplete: {name} is missing", folder)
    for path in entries:
        if path.is_symlink() or not path.is_file():
            raise _refused("A file of the backup was replaced by a link", path)
    for name, file in expected.items():
        size = found[name].stat().st_size
        if size != file.bytes:
            raise _refused(f"The backup is incomplete: {name} has {size} bytes instead of {file.bytes}", folder)
    return found


def _walk(folder: Path) -> list[Path]:
    """Everything below a folder, which must all be readable; links are not followed."""

    def refuse(error: OSError) -> None:
        raise _unreadable(folder, error) from error

    return [Path(at, name) for at, folders, names in os.walk(folder, onerror=refuse) for name in [*folders, *names]]


def _refused(what: str, place: Path, do: str = REFUSAL) -> Problem:
    return Problem(what, where=str(place), do=do)


def _unreadable(path: Path, error: OSError) -> Problem:
    return Problem(
        f"The backup cannot be read: {error.strerror or error}",
        where=str(error.filename or path),
        do="nothing was touched; give yourself the right to read it, or choose another backup",
    )


def read_checked(path: Path, what: str, make: Callable[..., T], do: str = REFUSAL) -> T:
    """What is made of a JSON file with a checksum of itself; messages call it `what` and say what to `do`."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        content = json.loads(text)
        checksum = content.pop("checksum")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise _refused(f"{what} is damaged: it is not whole", path, do) from error
    # The exact bytes count, so that not even a blank is changed unseen.
    if checksum != _checksum(content) or text != _spell(content, checksum).encode():
        raise _refused(f"{what} was changed: its checksum is not its own", path, do)
    try:
        return make(**content)
    except (KeyError, TypeError) as error:
        raise _refused(f"{what} is damaged: it lacks something or holds too much", path, do) from error


def write_checked(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file with a checksum of itself, whole or not at all."""
    files.write_private(path, _spell(content, _checksum(content)))


def _spell(content: dict[str, Any], checksum: str) -> str:
    return json.dumps({**content, "checksum": checksum}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _checksum(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
