"""Go on with a Python this project runs on, or say which one is missing.

Runs on the Python the machine happens to have: standard library only, no syntax newer than 3.6.
"""

import os
import subprocess
import sys
from shutil import which
from typing import NoReturn

OLDEST = (3, 10)
# dbt-core 1.11 names 3.13 as its newest Python; on a later one it installs and then fails while it is imported.
NEWEST = (3, 13)


def use_supported() -> None:
    """Return if this Python's version will do; else start the same command with one that does. Exits 1 if none does."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        _use_another()
        sys.exit(
            "Error: this needs Python 3."
            + str(OLDEST[1])
            + " to 3."
            + str(NEWEST[1])
            + " and found "
            + found
            + " ("
            + sys.executable
            + "): install one of them, then run this again; it is found by itself when python3.12, or"
            " its like, is on the PATH."
        )


def require_venv() -> None:
    """Return if `python -m venv` can work (Debian and Ubuntu package it apart); else like `use_supported`."""
    from importlib.util import find_spec

    if find_spec("venv") is None or find_spec("ensurepip") is None:
        _use_another()
        sys.exit(
            "Error: this Python (" + sys.executable + ") cannot make virtual environments: install what is missing (on"
            " Debian and Ubuntu: apt install python3." + str(sys.version_info[1]) + "-venv), then run this again."
        )


def _use_another() -> None:
    """Start the same command with another Python on the PATH, if there is one that will do."""
    for minor in (12, 13, 11, 10):
        other = which("python3." + str(minor))
        if other and os.path.realpath(other) != os.path.realpath(sys.executable) and _works(other):
            become([other, *sys.argv])


def _works(python: str) -> bool:
    """Whether it starts (a version manager's stand-in may not) and can make environments."""
    try:
        code = subprocess.call(
            [python, "-c", "import venv, ensurepip"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError:
        return False
    return code == 0


def become(command: "list[str]") -> NoReturn:
    """Put `command` in this process's place; its exit code is then that of this command."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":
        # Windows has no exec. The child is sent Ctrl-C as well, and is the one to answer it.
        child = subprocess.Popen(command)
        while True:
            try:
                sys.exit(child.wait())
            except KeyboardInterrupt:
                continue
    os.execv(command[0], command)
