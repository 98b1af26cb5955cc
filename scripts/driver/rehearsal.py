"""What a rehearsal found out: kept beside its backup, and in place of the estimates from then on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from driver.backup import store
from driver.backup.manifest import REHEARSAL
from driver.backup.session import Session, system_identifier
from driver.result import SCHEMA_VERSION, ChecklistLine, Figures, Lock, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from driver.profile import Connection


@dataclass(frozen=True)
class Part:
    """What came of one mode.

    Attributes:
        mode: window or online.
        verdict: passed only if the run passed and was undone.
        seconds: of all its stages.
        figures: what the migration took; None if it did not end.
        stages: those of a run, and undo.
        locks: what the migration and its undo locked, for how long, and who waited.
        checklist: as of a run.
    """

    mode: str
    verdict: Verdict
    seconds: float
    figures: Figures | None
    stages: list[Stage] = field(default_factory=list)
    locks: list[Lock] = field(default_factory=list)
    checklist: list[ChecklistLine] = field(default_factory=list)


@dataclass(frozen=True)
class Rehearsal:
    """A migration of a copy, of all that a run does, and of its undo.

    Attributes:
        backup_id: the backup that the copy was restored from.
        taken_at: the moment of its snapshot.
        rehearsed_at: when the rehearsal began.
        database: the live database.
        system_identifier: of the live server's data directory; empty if the role may not read it.
        on: embedded, here, or the name of a service.
        server: which server that is, in words.
        other: what was not there as it is on the live server, in words.
        stand_ins: the roles that were made there because the dump names them.
        machine: the server's processors and memory, where it was this machine, and its settings that matter.
        verdict: passed if every mode did.
        parts: what came of each mode.
        location: the file that it is kept in.
        next_command: the run itself if it passed and is still to come; else the same rehearsal, after what it found is mended.
    """

    backup_id: str
    taken_at: str
    rehearsed_at: str
    database: str
    system_identifier: str
    on: str
    server: str
    other: list[str]
    stand_ins: list[str]
    machine: dict[str, str]
    verdict: Verdict
    parts: list[Part]
    location: str
    next_command: str | None
    schema_version: Literal[1] = SCHEMA_VERSION


def newest(connection: Connection, server: str, mode: str, directory: Path | None = None) -> Rehearsal | None:
    """The newest rehearsal of a database that passed in this mode, if there is one in its folder of backups."""
    from mashumaro.codecs import BasicDecoder

    found = [path for path in store.folder_of(connection, directory).glob("*/*") if REHEARSAL.fullmatch(path.name)]
    for path in sorted(found, key=lambda path: path.name, reverse=True):
        try:
            read = BasicDecoder(Rehearsal).decode(json.loads(path.read_text("utf-8")))
        except (OSError, LookupError, ValueError):
            continue  # of another version, or damaged: it can say nothing
        own = read.database == connection.dbname and server in ("", read.system_identifier)
        if own and any(part.mode == mode and part.verdict == "passed" and part.figures for part in read.parts):
            return read
    return None


def in_place_of(
    estimates: Mapping[str, Figures],
    session: Session,
    connection: Connection,
    directory: Path | None = None,
) -> dict[str, Figures]:
    """Estimates, each with what the newest rehearsal of its mode took in place of what is only reckoned, scaled by the rows."""
    told = dict(estimates)
    server = system_identifier(session)
    for mode, estimate in estimates.items():
        if rehearsal := newest(connection, server, mode, directory):
            took = next(part.figures for part in rehearsal.parts if part.mode == mode and part.figures)
            grown = estimate.rows / took.rows if took.rows else 1.0
            told[mode] = replace(
                estimate,
                seconds=took.seconds * grown,
                lock_seconds=took.lock_seconds * grown or estimate.lock_seconds,
                wal_bytes=int(took.wal_bytes * grown) or estimate.wal_bytes,
                rehearsed_at=rehearsal.rehearsed_at,
            )
    return told
