"""Where everything stands, in words: the migration, the backup, the last validation, restores, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg.rows import namedtuple_row

from driver.backup import situation, store
from driver.backup.session import pinned
from driver.conclusion import step_from_here, superseded
from driver.errors import Problem, why
from driver.facts import exists, newest_backup, rows_of
from driver.macro_sql import render_macro
from driver.migration_state import UNFINISHED, read_logged_state
from driver.report import files
from driver.report.files import NAMES, newest
from driver.report.terminal import verdict_sentence
from driver.wording import moment, size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from driver.migration_state import MigrationState
    from driver.profile import Connection
    from driver.result import BackupFacts, Result

INDENT = 13


class Status(NamedTuple):
    """What `cmsid status` prints.

    Attributes:
        lines: what is known, also when the database cannot be reached.
        problem: why the rest is not; None if all is.
    """

    lines: list[str]
    problem: Problem | None


def status(connection: Connection, reports: Path | None = None) -> Status:
    """Find out where everything stands."""
    reports = reports or files.folder()
    state, backup, problem = None, None, None
    progress: list[str] = []
    try:
        with pinned(connection) as session:
            state, progress = _migration(session, connection.audit_schema)
            backup = newest_backup(session, connection.audit_schema)
    except Problem as caught:
        problem = caught
    except psycopg.Error as error:
        problem = Problem(
            f"Where the migration stands cannot be read: {why(error)}",
            where=connection.describe(),
            do="look as the owner of the tables",
        )
    restores = situation.look(connection)
    if problem and restores.interrupted and not restores.problem:
        problem = None  # the database is closed by the restore, of which all is told
    validation = newest(connection.describe(), reports, validated=True)
    remark = superseded(validation, state) if validation and state else ""
    told = {
        "Database": [connection.describe()],
        "Migration": [state.sentence, *progress] if state else ["unknown."],
        "Backup": [_backup(backup) if state else _backup_in_folder(connection)],
        "Validation": [_validation(validation, reports), *filter(None, [remark])],
        # of a server that did not answer before, it is told once
        "Restore": [*restores.lines, *([restores.problem] if restores.problem and state else [])],
        "Next": step_from_here(state, None if remark else validation) if state and not restores.interrupted else [],
    }
    return Status([line for head, texts in told.items() for line in _under(head, texts)], problem)


def _under(head: str, texts: Sequence[str]) -> list[str]:
    """Lines under a heading that stands before the first of them."""
    return [f"{f'{head}:' if number == 0 else '':{INDENT}}{text}" for number, text in enumerate(texts)]


def _migration(session: psycopg.Connection[Any], audit_schema: str) -> tuple[MigrationState, list[str]]:
    """Where the migration stands, and how far each table is that is half-way."""
    state = read_logged_state(session, audit_schema)
    if state.kind != "half-way":
        return state, []
    tables = [sentence(table) for table in migration_progress(session, audit_schema) if table.state in UNFINISHED]
    return state, [
        *tables,
        *(f"paused: {signal.reason}" for signal in throttle_signals(session, audit_schema) if signal.pauses),
    ]


class Runner(NamedTuple):
    """The session that works on an online migration.

    Attributes:
        pid: its process at the server.
        step: what it does.
        fills: whether that is to fill rows.
        paused: whether it waits for somebody to resume it.
    """

    pid: int
    step: str
    fills: bool
    paused: bool


def read_runner(session: psycopg.Connection[Any], audit_schema: str) -> Runner | None:
    """Who works on the online migration that is open, if anybody does."""
    found = rows_of(
        session,
        audit_schema,
        "select a.pid, coalesce((select e.event = 'paused' from {events} as e where e.event in ('paused', 'went on')"  # noqa: S608 - our own words
        f" and e.backend_pid = a.pid order by e.event_id desc limit 1), false) from ({render_macro('runner_session')}) as a"
        " where a.application_name = 'cms_id online migration'",
    )
    if not found:
        return None
    begun = [table for table in migration_progress(session, audit_schema) if table.state in UNFINISHED]
    # One table after the other; where none is begun, the next one is counted.
    table = next((table for table in begun if table.state != "marked" or table.rows_at_cut_over is not None), None)
    return Runner(
        found[0][0],
        _step(table) if table else "counting the rows to fill",
        bool(table and table.state == "marked"),
        found[0][1],
    )


def _step(table: Any) -> str:
    """What is done with one of these tables."""
    if table.index_phase:
        return f"building the index of {table.table_name}"
    steps = {
        "marked": "filling {}",
        "backfilled": "looking whether {} is filled",
        "indexed": "making the constraint of {}",
    }
    return steps[table.state].format(table.table_name)


def _backup(backup: BackupFacts | None) -> str:
    if backup is None:
        return "none is listed; `scripts/cmsid backup --verify` takes one."
    if shortcoming := store.shortcoming_of_listed(backup.location):
        return f"{backup.backup_id} is listed, but cannot be used. {shortcoming}."
    proof = f"test restore identical at {moment(backup.verified_at)}" if backup.verified_at else "not test-restored"
    return f"{backup.backup_id} of {moment(backup.taken_at)}, {size(backup.size)}, {proof}."


def _backup_in_folder(connection: Connection) -> str:
    """What the folder of backups tells, where the database that lists them cannot be asked."""
    folder = store.folder_of(connection)
    found = [backup for backup in store.all_backups(folder) if isinstance(backup, store.Backup)]
    if not found:
        return f"none in {folder}."
    proof = "test-restored" if found[0].verified_at else "not test-restored"
    return f"{found[0].backup_id}, {size(found[0].manifest.bytes)}, {proof}, in {folder}."


def _validation(result: Result | None, reports: Path) -> str:
    if result is None:
        return "none yet; `scripts/cmsid report --validate` does it."
    report = reports / result.run_id / NAMES["html"]
    return f"{moment(result.finished_at)}: {verdict_sentence(result)} ({report})"


def migration_progress(connection: psycopg.Connection[Any], audit_schema: str) -> Sequence[Any]:
    """The tables of the newest online migration, by name, as `migration_progress_query` has them; empty if there was none."""
    if not all(exists(connection, audit_schema, name) for name in ("migrations", "batches")):
        return []
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(render_macro("migration_progress_query", audit_schema=audit_schema).encode()).fetchall()


def throttle_signals(connection: psycopg.Connection[Any], audit_schema: str) -> Sequence[Any]:
    """The signals by which filling may pause, as `throttle_signals` has them; empty if no online migration began here."""
    if not exists(connection, audit_schema, "throttle"):
        return []
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(render_macro("throttle_signals", audit_schema=audit_schema).encode()).fetchall()


def sentence(table: Any) -> str:
    """Where one of these tables is, in one line."""
    parts = [table.state]
    if table.state == "marked":
        counted = table.rows_at_cut_over is not None
        parts = [f"{table.rows_filled:,} of {table.rows_at_cut_over:,} rows" if counted else "rows not yet counted"]
        if table.rows_per_second:
            parts.append(f"{table.rows_per_second:,} rows/s")
        if table.seconds_left:
            parts.append(f"{table.seconds_left} s left")
    elif table.state == "backfilled" and table.index_phase:
        parts = [f"index: {table.index_phase}"]
        if table.index_total:
            parts.append(f"{(table.index_done or 0) * 100 // table.index_total} %")
        if table.index_waits_for:
            parts.append(
                f"waits for {table.index_waits_for} open transactions, now for session {table.index_waits_for_pid}"
            )
    return f"{table.table_name}: {', '.join(parts)}"
