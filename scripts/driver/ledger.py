"""The ledger of locks, from a second session: who waits for a plan while it runs, and for how long.

What a plan locks it notes by itself. It cannot see who waits for it, nor note what a statement locks that commits by itself,
as a concurrent index build does.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg

from driver.backup.session import Session, one_value, pinned
from driver.errors import Problem
from driver.facts import exists, locks
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from driver.profile import Connection
    from driver.result import Lock

SECONDS_BETWEEN = 0.2


@contextmanager
def watched(connection: Connection, tick: Callable[[str], None] = lambda _: None) -> Iterator[list[Lock]]:
    """Look on while the block runs, then note what was seen, and fill the list with the locks of the block's plan.

    Where a second session could stand in the way of the plan, nobody looks on.

    A few times a second, `tick` is told where a plan is that has locked the tables.
    """
    found: list[Lock] = []
    ended = threading.Event()
    seen: dict[tuple[Any, ...], tuple[Any, Any]] = {}
    looked = threading.Event()

    def look_on() -> None:
        with suppress(psycopg.Error, Problem), pinned(connection) as session:
            query = render_macro("lock_waits").encode()
            while not ended.wait(SECONDS_BETWEEN):
                for *what, now in session.execute(query).fetchall():
                    if what[0] == "step":
                        tick(what[1])
                    else:
                        seen[tuple(what)] = (seen.get(tuple(what), (now,))[0], now)
                looked.set()

    thread = threading.Thread(target=look_on, name="watch-locks", daemon=True)
    with pinned(connection) as session:
        looks_since = str(one_value(session, "select clock_timestamp()"))
        may_look_on = one_value(session, render_macro("may_look_on"))
    if may_look_on:
        thread.start()
    try:
        yield found
    finally:
        ended.set()
        if may_look_on:
            thread.join()
        with suppress(psycopg.Error, Problem), pinned(connection) as session:
            if looked.is_set():
                note_seen(
                    session, connection.audit_schema, looks_since, [(*what, *when) for what, when in seen.items()]
                )
            found.extend(locks(session, connection.audit_schema, looks_since))


def note_seen(session: Session, audit_schema: str, looks_since: str, seen: Sequence[tuple[Any, ...]]) -> None:
    """Add to the ledger what was seen of the plan that began since a moment."""
    if not exists(session, audit_schema, "locks"):
        return
    names = ("kind", "relation_name", "mode", "pid", "since", "first_seen", "last_seen")
    rows = json.dumps([dict(zip(names, row, strict=True)) for row in seen], default=str)
    session.execute(
        "select set_config('cms_id.seen', %s, false), set_config('cms_id.looks_since', %s, false)", [rows, looks_since]
    )
    session.execute(render_macro("note_seen", audit_schema=audit_schema).encode())
