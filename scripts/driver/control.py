"""What people ask of an online migration, from any session: a row of the audit table `controls`, which its runner obeys."""

from __future__ import annotations

import getpass
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from driver.backup.session import Session, one_value, pinned
from driver.errors import Problem
from driver.facts import controls, exists, in_audit_schema
from driver.macro_sql import render_macro
from driver.status import read_runner

if TYPE_CHECKING:
    from driver.profile import Connection

Action = Literal["pause", "resume", "pace"]


def ask(connection: Connection, action: Action, *, why: str = "", rows_per_second: int | None = None) -> list[str]:
    """Write down what is asked, and say what comes of it. One after the other: whoever comes later sees who came before."""
    with pinned(connection) as session, session.transaction():
        schema = connection.audit_schema
        query = render_macro("open_migration_query", audit_schema=schema)
        migration = one_value(session, query) if exists(session, schema, "migrations") else None
        if migration is None:
            raise Problem(
                f"No online migration is under way, so there is nothing to {action}",
                where=connection.describe(),
                do="`scripts/cmsid status` says where things stand",
            )
        if not exists(session, schema, "controls"):  # it was begun by an earlier version
            session.execute(render_macro("audit_tables_ddl", audit_schema=schema).encode())
        session.execute("select pg_advisory_xact_lock(hashtextextended('cms_id_tracking: controls', 0))")
        paused = controls(session, schema, "pause")
        if action == "resume" and not paused:
            return ["Nothing is paused."]
        os_user = ""  # at this machine, since several may share a role of the database
        with suppress(KeyError, OSError):  # it has no name
            os_user = getpass.getuser()
        session.execute(
            in_audit_schema(
                schema,
                "insert into {controls} (migration_id, action, rows_per_second, why, os_user) values (%s, %s, %s, %s, %s)",
            ),
            [migration, action, rows_per_second, why, os_user],
        )
        told = paused if action == "resume" else controls(session, schema, action)
        pace = f"At most {rows_per_second:,} rows/s" if rows_per_second else "No limit"
        said = {"pause": "Paused", "resume": "No longer paused", "pace": pace}[action]
        lines = [f"{said} {given}." for given, _ in told]
        if action == "pace":
            lines += [f"Still paused {given}." for given, _ in paused]
        return [*lines, _effect(session, schema, action)]


def _effect(session: Session, audit_schema: str, action: Action) -> str:
    """What comes of it, and when."""
    runner = read_runner(session, audit_schema)
    if action == "pause":
        when = "No runner is at work: the next one begins with this pause."
        if runner:
            step = f"The pause begins after this step: {runner.step}."
            when = "Filling stops within a second." if runner.fills else step
        return f"{when} To go on: scripts/cmsid resume"
    if action == "pace":
        return "It holds from the next batch on, also after a restart."
    return (
        "It goes on within a second." if runner else "No runner is at work. To go on: scripts/cmsid run --mode online"
    )
