"""Drops databases: those of restores on trial, half-restored ones, and those that restores replaced."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg import sql

from driver.backup import swap
from driver.errors import Problem, why


def drop(
    control: psycopg.Connection[Any], database: str, *, end_sessions: bool = True, seconds: float = swap.CLEAR_SECONDS
) -> None:
    """Drop a database, if there is one of that name.

    Without FORCE: that is refused to whoever is no superuser while autovacuum is at work in it, which a plain DROP ends.

    Args:
        control: a session in another database.
        database: its name.
        end_sessions: whether to close it and to end who is connected.
        seconds: for how long to try again while something still uses it.

    Raises:
        Problem: it could not be dropped.
    """
    try:
        found = swap.databases(control, [database]).get(database)
        if found and end_sessions:
            if found.open:
                swap.set_open(control, database, is_open=False)
            swap.clear(control, database, seconds)
        if found:
            _drop(control, database, seconds)
    except (Problem, psycopg.Error) as error:
        reason = why(error)
        raise Problem(
            f"The database {database} could not be dropped: {reason}", do="correct that, then run this again"
        ) from error


def _drop(control: psycopg.Connection[Any], database: str, seconds: float) -> None:
    """Drop it, again and again while it is in use; each attempt has the server end autovacuum and wait five seconds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            control.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(database)))
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(swap.PAUSE_SECONDS)
        else:
            return
