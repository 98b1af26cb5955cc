"""Where everything stands, in words: the migration, the backup, the last validation, a restore that was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from driver.backup.situation import describe
from driver.errors import Problem
from driver.facts import migration_log, newest_backup
from driver.migration_progress import migration_progress
from driver.migration_state import logged_tables, read_state
from driver.report.files import NAMES, REPORTS, newest
from driver.report.terminal import verdict_sentence
from driver.validation import first_line
from driver.wording import moment

if TYPE_CHECKING:
    from pathlib import Path

    from driver.profile import Connection


def status(connection: Connection, reports: Path = REPORTS) -> list[str]:
    """The lines that `cmsid status` prints. They hold at any time, also when the database cannot be reached."""
    lines = [f"Database:    {connection.describe()}"]
    try:
        with connection.connect(autocommit=True) as session:
            lines += _migration(session, connection.audit_schema)
            lines.append(f"Backup:      {_backup(session, connection.audit_schema)}")
    except Problem as problem:
        lines.append(f"Migration:   unknown. {problem.format_message()}")
    except psycopg.Error as error:
        lines.append(f"Migration:   unknown. {first_line(error)} (as {connection.user}).")
    lines.append(f"Validation:  {_validation(connection, reports)}")
    lines += [f"{'Restore:' if number == 0 else '':12} {line}" for number, line in enumerate(describe(connection))]
    return lines


def _migration(session: psycopg.Connection[Any], audit_schema: str) -> list[str]:
    log = migration_log(session, audit_schema)
    if not log:
        return [f"Migration:   {_without_log(session, audit_schema)}"]
    state = read_state(session, audit_schema, logged_tables(log))
    lines = [f"Migration:   {state.sentence}"]
    if state.kind == "half-way":
        lines += [f"             {table}" for table in migration_progress(session, audit_schema) if table.unfinished]
        lines.append(
            f"             `scripts/cmsid run --mode {state.mode}` goes on, `scripts/cmsid undo` takes it back."
        )
    return lines


def _without_log(session: psycopg.Connection[Any], audit_schema: str) -> str:
    """What can be said of a database in which nothing was ever logged."""
    rows = session.execute(
        "select c.relname from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace"
        " join pg_catalog.pg_attribute as a on a.attrelid = c.oid"
        " where c.relkind = 'r' and a.attname = 'cms_id' and not a.attisdropped and n.nspname not in (%s, 'pg_catalog')"
        " order by 1",
        [audit_schema],
    ).fetchall()
    if rows:
        return f"not by us, but there is a cms_id already in {', '.join(row[0] for row in rows)}."
    return "It has not begun: no table has a cms_id."


def _backup(session: psycopg.Connection[Any], audit_schema: str) -> str:
    backup = newest_backup(session, audit_schema)
    if backup is None:
        return "none is listed; `scripts/cmsid backup --verify` takes one."
    proof = f"test restore identical at {moment(backup.verified_at)}" if backup.verified_at else "not test-restored"
    return f"{backup.backup_id} of {moment(backup.taken_at)}, {backup.size / 1e6:,.1f} MB, {proof}."


def _validation(connection: Connection, reports: Path) -> str:
    result = newest(connection.describe(), reports, validated=True)
    if result is None:
        return "none yet; `scripts/cmsid report --validate` does it."
    report = reports / result.run_id / NAMES["html"]
    return f"{moment(result.finished_at)}: {verdict_sentence(result)} ({report})"
