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

from dbt.cli.main import cli

from support.fork_for_command import fork_for_command
from support.warmed_dbt import warm


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
        child = fork_for_command(request, lambda args: cli(args=args, standalone_mode=True))
        answers.write(json.dumps({"pid": child}) + "\n")
        answers.flush()
        _, status = os.waitpid(child, 0)
        answers.write(json.dumps({"code": os.waitstatus_to_exitcode(status)}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
