"""Loads dbt once, then runs every request in a fork of itself: fresh as a new process, without the time to load.

A request is one JSON line: `args`, `env` (the whole environment), `cwd`, `output` (file for everything printed), `parse`
(arguments to parse the project with, which the first request makes it do). Two lines answer it: `pid`, and `code`, the
exit status. The end of standard input ends it.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback

from dbt.cli.main import cli

from support.warmed_dbt import warm


def run(request: dict[str, object]) -> int:
    """In the fork: become the process the request describes, and run dbt's command line. Returns its exit status."""
    os.setsid()
    os.environ.clear()
    os.environ.update(request["env"])  # type: ignore[call-overload]
    os.chdir(str(request["cwd"]))
    output = os.open(str(request["output"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        cli(args=request["args"], standalone_mode=True)
    except SystemExit as end:
        return int(end.code or 0) if not isinstance(end.code, str) else 1
    return 0


def main() -> None:
    """Serve requests, one after the other."""
    gc.disable()  # a fork ends before garbage matters, and looking for it among all that dbt has loaded takes long
    answers = os.fdopen(os.dup(1), "w")
    warmed = False
    for line in sys.stdin:
        request = json.loads(line)
        if not warmed:
            warm(request["parse"], request["env"], request["cwd"])
            warmed = True
        child = os.fork()
        if child == 0:
            code = 2
            try:
                code = run(request)
            except BaseException:  # noqa: BLE001  whatever it was belongs in the output, not in the forker
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        answers.write(json.dumps({"pid": child}) + "\n")
        answers.flush()
        _, status = os.waitpid(child, 0)
        answers.write(json.dumps({"code": os.waitstatus_to_exitcode(status)}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
