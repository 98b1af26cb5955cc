"""Loads the driver and dbt once, then runs every command in a fork of itself: a process to kill, loaded already.

A request is one JSON line: `name` (cmsid or dbt), `args`, `env` (the whole environment), `cwd`, `output` (file for all
that is printed), `done` (file that gets the exit status when it has ended). The answer is one line with `pid`. Commands
run side by side; the end of standard input ends the forker.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import sys
import threading
from pathlib import Path

from dbt.cli.main import cli as dbt

from driver import cli
from support.fork_for_command import fork_for_command
from support.untraced import untrace_dbt
from support.warmed_dbt import warm

POLL = 0.02  # seconds


def run_cmsid(arguments: list[str]) -> int:
    """In the fork: `cmsid`."""
    _take_the_name("cmsid", arguments)
    return cli.main(arguments)


def run_dbt(arguments: list[str]) -> None:
    """In the fork: plain dbt, which runs nothing of the driver, so nothing is measured, and no signal is answered for it."""
    _take_the_name("dbt", arguments)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    dbt(args=arguments, standalone_mode=True)


def _take_the_name(name: str, arguments: list[str]) -> None:
    """Be called what was typed, and hear of Ctrl-C, which the forker does not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [name, *arguments]


def reap(done: dict[int, str]) -> None:
    """Write down how those ended that have."""
    while done:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        file = Path(done.pop(child))
        draft = file.with_suffix(".draft")
        draft.write_text(str(os.waitstatus_to_exitcode(status)))
        draft.replace(file)


def main() -> None:
    """Serve requests."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in cli.COMMANDS:
        importlib.import_module(f"driver.commands.{name}")
    importlib.import_module("dbt.adapters.postgres")
    importlib.import_module("driver.run_in_terminal")
    untrace_dbt()
    gc.disable()  # a fork ends before garbage matters, and looking for it among all that dbt has loaded takes long
    warmed = False
    done: dict[int, str] = {}
    stdin = os.fdopen(os.dup(0), "rb", buffering=0)  # or a request could wait in a buffer that select cannot see
    while True:
        readable, _, _ = select.select([stdin], [], [], POLL if done else None)
        reap(done)
        if not readable:
            continue
        line = stdin.readline()
        if not line:
            return
        request = json.loads(line)
        if not warmed:
            warm([], request["env"], request["cwd"])
            warmed = True
        child = fork_for_command(request, run_cmsid if request["name"] == "cmsid" else run_dbt)
        done[child] = request["done"]
        os.write(1, (json.dumps({"pid": child}) + "\n").encode())


if __name__ == "__main__":
    main()
