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
import traceback
from pathlib import Path
from typing import Any

from dbt.cli.main import cli as dbt

from driver import cli
from support.untraced import untrace_dbt
from support.warmed_dbt import warm

POLL = 0.02  # seconds


def run(request: dict[str, Any]) -> int:
    """In the fork: become the process the request describes. Returns its exit status."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = [request["name"], *request["args"]]
    if request["name"] == "cmsid":
        return cli.main(request["args"])
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]  # plain dbt runs nothing of the driver
    try:
        dbt(args=request["args"], standalone_mode=True)
    except SystemExit as end:
        return int(end.code or 0) if not isinstance(end.code, str) else 1
    return 0


def start(request: dict[str, Any]) -> int:
    """Fork a command. Returns its process."""
    child = os.fork()
    if child:
        return child
    code = 2
    try:
        code = run(request)
    except KeyboardInterrupt:
        code = 130
    except BaseException:  # noqa: BLE001  whatever it was belongs in the output, not in the forker
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


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
        child = start(request)
        done[child] = request["done"]
        os.write(1, (json.dumps({"pid": child}) + "\n").encode())


if __name__ == "__main__":
    main()
