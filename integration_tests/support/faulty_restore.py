"""Restores the newest backup as told on standard input, and kills somebody once a step of the journal is written."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from driver.backup import in_place, journal, pg_tools, restore, store
from driver.errors import Problem
from driver.profile import Connection


def main() -> int:
    """Do as told. Returns 1 after a failure that the driver tells of, whose sentence is printed."""
    order = json.load(sys.stdin)
    connection = Connection(**{**order["connection"], "profiles_dir": Path()})
    directory = Path(order["directory"])
    _arrange(order["step"], order["victim"])
    try:
        backup = store.find(connection, None, directory)
        restore.restore(connection, backup, in_place=order["in_place"], directory=directory, jobs=2)
    except Problem as problem:
        print(problem.format_message())
        return 1
    return 0


def _arrange(step: str, victim: int) -> None:
    """Have the victim killed once the step is written, or while pg_restore runs."""
    done, load, completing = journal.Work.done, pg_tools.restore, in_place._complete

    def recording(work: journal.Work, now: str, *side_oid: int) -> None:
        done(work, now, *side_oid)
        if now == step:
            _kill(victim)

    def loading(*arguments: Any, **options: Any) -> None:
        def at_first_word(*_: object) -> None:
            _kill(victim)

        load(*arguments, **{**options, "progress": at_first_word})

    def counting(*arguments: Any) -> Any:
        _kill(victim)
        return completing(*arguments)

    journal.Work.done = recording  # type: ignore[assignment,method-assign]
    if step == "committed":
        in_place._complete = counting  # type: ignore[assignment]
    if step == "loading":
        pg_tools.restore = loading


def _kill(victim: int) -> None:
    if victim == -1:
        # The bar moves as soon as the program runs.
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # a worker ends with the one that was killed before it
                if child.name().startswith("pg_restore"):
                    child.kill()
        return
    process = psutil.Process(victim or os.getpid())
    if victim:
        for each in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):  # a child of the server ends when it sees its parent gone
                each.send_signal(signal.SIGKILL)
        time.sleep(0.5)
    else:
        process.send_signal(signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
