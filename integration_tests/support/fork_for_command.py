"""A fork of this process as the process of one command: its environment, folder, output and exit status."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INTERRUPTED = 130
BROKEN = 2


def fork_for_command(request: dict[str, Any], run: Callable[[list[str]], int | None]) -> int:
    """Run a command in a fork, which leads a session of its own and ends with the command.

    Args:
        request: `args`, `env` (the whole environment), `cwd`, `output` (file for everything printed).
        run: what to call there with the arguments. It returns the exit status, or raises SystemExit.

    Returns:
        the fork's process.
    """
    child = os.fork()
    if child:
        return child
    code = BROKEN
    try:
        os.setsid()
        become(request["env"], request["cwd"])
        output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = run(request["args"]) or 0
    except SystemExit as end:
        code = 1 if isinstance(end.code, str) else end.code or 0
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BaseException:  # noqa: BLE001  whatever it was belongs in the output, not in the forker
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def become(environment: Mapping[str, str], folder: str) -> None:
    """Have this process run with that environment, whole, and in that folder."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
