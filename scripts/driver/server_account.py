"""The account an embedded server runs as: PostgreSQL refuses root, so root needs another."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driver.errors import Problem

if sys.platform != "win32":
    import pwd

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CANDIDATES = ("pgserver", "postgres", "nobody")  # the first of these that exists; none is created


@dataclass(frozen=True)
class Account:
    """A user and group, by number."""

    uid: int
    gid: int

    def can_run(self, command: Sequence[str | Path]) -> bool:
        """Whether the command, run as this account, succeeds."""
        try:
            process = subprocess.run(
                command,
                check=False,
                capture_output=True,
                cwd="/",
                user=self.uid,
                group=self.gid,
                extra_groups=[],
            )
        except OSError:
            return False
        return process.returncode == 0


def account_for_server() -> Account | None:
    """The account to switch to, or None for our own.

    Raises:
        Problem: we are root, and there is none.
    """
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise Problem(
        "PostgreSQL does not run as root and there is no other account for it",
        do=f"create one named {CANDIDATES[0]}, or run this as an ordinary user",
    )
