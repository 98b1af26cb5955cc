"""Where everything stands, as one typed object: the terminal and every format for machines are renderings of it.

Moments are ISO 8601 in UTC, durations are seconds, sizes are bytes.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from driver.backup import journal, store
from driver.backup.session import Session, pinned
from driver.conclusion import step_from_here, step_while_it_runs, superseded
from driver.errors import Problem, why
from driver.facts import UNFINISHED, MigrationState, controls, locks, macro_rows, newest_backup, read_logged_state
from driver.report import files
from driver.report.terminal import verdict_sentence
from driver.result import BackupFacts, Lock, Verdict, lock_sentence
from driver.wording import age, moment, seconds_since, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driver.profile import Connection
    from driver.result import Result

INDENT = 13
MOST_LINES = 10
SHORTENED = ("Database", "Backup", "Beside", "Validation", "Migration", "Now", "Paused")
"""What is cut to one line, if need be, in this order."""


@dataclass(frozen=True)
class Table:
    """How far an online migration is with a table.

    Attributes:
        table_name: the table.
        state: marked, backfilled, indexed or done.
        rows_at_cut_over: rows that are to be filled; None until they are counted.
        rows_filled: rows that are filled.
        rows_per_second: in the last ten seconds; None if nothing was filled in them.
        seconds_left: until it is filled, at that rate; None if that is not known.
        index_phase: what the build of its index is at; None where none runs.
        index_percent: how much of that phase is done; None if the server does not say.
        index_waits_for: how many transactions the build still waits for.
        index_waits_for_pid: the session of one of them.
        last_batch_rows: rows of the last batch; None if there was none.
        last_batch_seconds: how long ago that was.
        words: all this in words.
    """

    table_name: str
    state: str
    rows_at_cut_over: int | None
    rows_filled: int
    rows_per_second: int | None
    seconds_left: int | None
    index_phase: str | None
    index_percent: int | None
    index_waits_for: int | None
    index_waits_for_pid: int | None
    last_batch_rows: int | None
    last_batch_seconds: float | None
    words: str

    @property
    def sentence(self) -> str:
        """Where it is, in one line."""
        return f"{self.table_name}: {self.words}"


@dataclass(frozen=True)
class Signal:
    """Something by which filling may pause.

    Attributes:
        signal: its name; `paused` is somebody's pause.
        object_name: which replica, slot and so on; empty if there is one only.
        value: what it is now, with its unit.
        limit_text: beyond what filling pauses, with its unit.
        pauses: whether it is beyond.
        unreadable: why it cannot be read, with the grant that opens it; empty if it can.
        reason: the same in words.
        hidden: what of it is hidden; None if nothing is.
        remedy: the grant that opens it, or the var to go without; empty if it can be read.
    """

    signal: str
    object_name: str
    value: str | None
    limit_text: str | None
    pauses: bool
    unreadable: str
    reason: str | None
    hidden: str | None = None
    remedy: str = ""


@dataclass(frozen=True)
class Runner:
    """The session that migrates or takes the baseline.

    Attributes:
        pid: its process at the server.
        role: whose it is.
        application_name: its application.
        paused: whether somebody's pause has begun for it.
        waits_for: the sessions whose locks it waits for.
        waited_for_by: the sessions that wait for its locks.
        step: what it does; empty if it does not say.
        fills: whether that is to fill rows.
    """

    pid: int
    role: str | None
    application_name: str
    paused: bool
    waits_for: list[str]
    waited_for_by: list[str]
    step: str = ""
    fills: bool = False


@dataclass(frozen=True)
class Validated:
    """What a validation found.

    Attributes:
        run_id: its name; reports/ has a folder of that name.
        finished_at: when.
        validation: cutover or ongoing.
        verdict: what came of it.
        sentence: the same in words.
        superseded: why it says nothing of what the database holds now; empty if it does.
    """

    run_id: str
    finished_at: str
    validation: str
    verdict: Verdict
    sentence: str
    superseded: str = ""


@dataclass(frozen=True)
class Status:
    """Where everything stands.

    Attributes:
        database: where it is.
        problem: why the database, or a part of it, could not be asked; empty if it was.
        migration: where the migration stands; None if the database could not be asked.
        sentence: the same in words.
        runner: who works on it; None if nobody does.
        tables: the tables of the newest online migration, where it is half-way.
        rows_per_second: the pace that somebody asked for, 0 for no limit; None if nobody did.
        signals: what pauses the filling, or may; empty where no online migration is half-way.
        paused: whether the runner waits now.
        pauses: why it waits, or will once it has come to the end of its step, or once it runs.
        locks: what the newest plan locked that has been committed.
        backup: the newest backup that is listed.
        backup_words: the same in words.
        verified_backup: the newest one whose test restore was identical.
        verified_backup_seconds: how old that is; None without one.
        validation: the last validation.
        ongoing_validation: the last one of what must hold for ever.
        restores: what restores have left, in words.
        restore_interrupted: whether one was interrupted.
        next_step: what to do now, in a sentence.
        next_command: the command for it; None if there is nothing to do.
    """

    database: str
    problem: str = ""
    migration: MigrationState | None = None
    sentence: str = "unknown."
    runner: Runner | None = None
    tables: list[Table] = field(default_factory=list)
    rows_per_second: int | None = None
    signals: list[Signal] = field(default_factory=list)
    paused: bool = False
    pauses: list[str] = field(default_factory=list)
    locks: list[Lock] = field(default_factory=list)
    backup: BackupFacts | None = None
    backup_words: str = ""
    verified_backup: BackupFacts | None = None
    verified_backup_seconds: float | None = None
    validation: Validated | None = None
    ongoing_validation: Validated | None = None
    restores: list[str] = field(default_factory=list)
    restore_interrupted: bool = False
    next_step: str = ""
    next_command: str | None = None

    @property
    def table(self) -> Table | None:
        """The table that is being worked on, or will be."""
        return current(self.tables)

    def lines(self, width: int = 0) -> list[str]:
        """What a person reads: ten lines at most, unless a restore has left something; else `width` 0 breaks and cuts nothing."""
        validation = "none yet; `scripts/cmsid report --validate` does it."
        if found := self.validation:
            validation = f"{moment(found.finished_at)}: {found.sentence} {found.superseded}".rstrip()
        begins = "" if self.paused else "after this step: " if self.runner else "once it goes on: "
        at_work = self.migration and (self.runner or self.migration.kind == "half-way")
        told = [
            ("Database", self.database),
            ("Migration", self.sentence),
            ("Now", self._now() if at_work else ""),
            ("Paused", begins + "; ".join(self.pauses) if self.pauses else ""),
            ("Beside", self._beside()),
            ("Locks", "" if at_work else lock_sentence(self.locks).removeprefix("Longest lock: ")),
            ("Backup", self.backup_words),
            ("Validation", validation),
            *(("Restore", text) for text in self.restores),
            ("Next", self.next_step),
            # never broken: it is there to be copied
            ("Next", self.next_command if self.next_command and self.next_command not in self.next_step else ""),
        ]
        parts: list[tuple[str, str]] = []
        short: list[str] = []
        for head in ("", *SHORTENED):
            short.append(head)
            parts = [(head, part) for head, text in told for part in _wrapped(text, width, 1 if head in short else 3)]
            if len(parts) <= MOST_LINES or self.restores:
                break
        before = ["", *(head for head, _ in parts)]
        return [
            f"{f'{head}:' if head != last else '':{INDENT}}{part}"
            for last, (head, part) in zip(before, parts, strict=False)
        ]

    def _now(self) -> str:
        """What goes on, how far it is and at what rate."""
        runner, table = self.runner, self.table
        if not runner:
            return f"nobody works on it. {table.sentence}." if table else "nobody works on it."
        if not table and runner.step:
            return f"{runner.step}."
        if not runner.step or not table:
            return f"session {runner.pid} of {runner.role} ({runner.application_name}) is at work."
        told = table.sentence
        if self.rows_per_second and table.state == "marked":
            told += f", at most {self.rows_per_second:,} rows/s"
        if table.last_batch_seconds is not None and table.state == "marked":
            told += f", last batch {age(table.last_batch_seconds)} ago"
        return f"{told}."

    def _beside(self) -> str:
        """Locks, replicas, and signals that are not seen."""
        told = []
        if self.runner and self.runner.waits_for:
            told.append(f"it waits for {', '.join(self.runner.waits_for)}")
        if self.runner and self.runner.waited_for_by:
            told.append(f"{', '.join(self.runner.waited_for_by)} waits for it")
        for signal in self.signals:
            if signal.unreadable and not signal.pauses:
                told.append(f"{signal.signal} is not seen: {signal.unreadable}")
            elif signal.signal == "replica_lag" and not signal.pauses:
                told.append(f"{signal.object_name} {signal.value} behind")
        return "; ".join(told)


def _wrapped(text: str, width: int, most: int) -> list[str]:
    if width <= INDENT or text.startswith("scripts/"):
        return [text] if text else []
    return textwrap.wrap(text, width - INDENT, max_lines=most, placeholder=" …", break_on_hyphens=False)


def status(connection: Connection, reports: Path | None = None) -> Status:
    """Find out where everything stands."""
    found = Status(connection.describe())
    try:
        with pinned(connection) as session:
            found = _look(session, connection, found)
    except Problem as problem:
        found = replace(found, problem=problem.format_message())
    except psycopg.Error as error:
        what = f"Where the migration stands cannot be read: {why(error)}"
        unread = Problem(what, where=connection.describe(), do="look as the owner of the tables")
        found = replace(found, problem=unread.format_message())
    restores = journal.look(connection)
    state = found.migration
    if found.problem and restores.interrupted and not restores.problem:
        found = replace(found, problem="")  # the database is closed by the restore, of which all is told
    newest = files.newest(connection.describe(), reports, validated=True)
    validation = _validated(newest, state)
    step, command = "", ""
    if state and not restores.interrupted:
        if found.runner:
            step, command = step_while_it_runs(state)
        else:
            step, command = step_from_here(state, None if validation and validation.superseded else newest)
    return replace(
        found,
        backup_words=_backup(found.backup) if state else _backup_in_folder(connection),
        validation=validation,
        ongoing_validation=_validated(files.newest(connection.describe(), reports, validation="ongoing"), state),
        # of a server that did not answer before, it is told once
        restore_interrupted=restores.interrupted,
        restores=[*restores.lines, *([restores.problem] if restores.problem and state else [])],
        next_step=step,
        next_command=command or None,
    )


def _look(session: Session, connection: Connection, found: Status) -> Status:
    """What the database knows."""
    schema = connection.audit_schema
    state = read_logged_state(session, schema)
    verified = newest_backup(session, schema, verified=True)
    noted = locks(session, schema)
    found = replace(
        found,
        migration=state,
        sentence=state.sentence.removeprefix("The migration is "),
        runner=read_runner(session, schema),
        locks=[lock for lock in noted if lock.command == noted[-1].command],
        backup=newest_backup(session, schema),
        verified_backup=verified,
        verified_backup_seconds=round(seconds_since(verified.taken_at)) if verified else None,
    )
    if state.kind != "half-way" or state.mode != "online":
        return found
    signals, runner = throttle_signals(session, schema), found.runner
    # what the server has to bear stops only who works on it
    pausing = [signal for signal in signals if signal.pauses and (runner or signal.signal == "paused")]
    return replace(
        found,
        tables=migration_progress(session, schema),
        rows_per_second=next((pace for _, pace in controls(session, schema, "pace")), None),
        signals=signals,
        paused=bool(runner and pausing and (runner.paused or (runner.fills and pausing[0].signal != "paused"))),
        pauses=[_with_limit(signal) for signal in pausing],
    )


def _with_limit(signal: Signal) -> str:
    limit = signal.limit_text or ""
    return (signal.reason or signal.signal) + (
        f" (limit {limit})" if limit and limit not in (signal.reason or "") else ""
    )


def read_runner(session: Session, audit_schema: str) -> Runner | None:
    """Who migrates or takes the baseline, if anybody does."""
    runner = next(iter(macro_rows(session, Runner, "online_runner", audit_schema, "events")), None)
    if runner is None or runner.application_name != "cms_id online migration":
        return runner
    table = current(migration_progress(session, audit_schema))
    if table is None:
        return replace(runner, step="its last steps")
    return replace(runner, step=table.sentence, fills=table.state == "marked" and table.rows_at_cut_over is not None)


def current(tables: Sequence[Table]) -> Table | None:
    """The table that is worked on: one after the other is, so one is begun at most; else any of those that are left."""
    left = [table for table in tables if table.state in UNFINISHED]
    return next((t for t in left if t.state != "marked" or t.rows_at_cut_over is not None), left[0] if left else None)


def migration_progress(session: Session, audit_schema: str) -> list[Table]:
    """The tables of the newest online migration, by name; empty if there was none."""
    return macro_rows(session, Table, "migration_progress_query", audit_schema, "migrations", "batches")


def throttle_signals(session: Session, audit_schema: str) -> list[Signal]:
    """The signals by which filling may pause, somebody's pauses first; empty if no online migration began here."""
    found = macro_rows(session, Signal, "throttle_signals", audit_schema, "throttle", "controls")
    return sorted(found, key=lambda signal: signal.signal != "paused")


def _backup(backup: BackupFacts | None) -> str:
    if backup is None:
        return "none is listed; `scripts/cmsid backup --verify` takes one."
    if shortcoming := store.shortcoming_of_listed(backup.location):
        return f"{backup.backup_id} is listed, but cannot be used. {shortcoming}."
    # a rehearsal proves a backup too, and writes nothing into the database
    proven = backup.verified_at or store.read(Path(backup.location)).verification
    proof = "test restore identical" if proven else "not test-restored"
    return f"{backup.backup_id}, {size(backup.size)}, {proof}, {age(seconds_since(backup.taken_at))} old."


def _backup_in_folder(connection: Connection) -> str:
    """What the folder of backups tells, where the database that lists them cannot be asked."""
    folder = store.folder_of(connection)
    found = [backup for backup in store.all_backups(folder) if isinstance(backup, store.Backup)]
    if not found:
        return f"none in {folder}."
    proof = "test-restored" if found[0].verification else "not test-restored"
    return f"{found[0].backup_id}, {size(found[0].manifest.bytes)}, {proof}, in {folder}."


def _validated(result: Result | None, state: MigrationState | None) -> Validated | None:
    if result is None:
        return None
    remark = superseded(result, state) if state else ""
    return Validated(
        result.run_id, result.finished_at, result.validation, result.verdict, verdict_sentence(result), remark
    )
