"""PostgreSQL's own client programs, of the server's own major version.

An older pg_dump refuses a newer server, and a dump of a newer pg_dump does not restore into an older server: so exactly
the server's major version is looked for, on the PATH, where packages install it, and in the embedded server's folder.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from driver.errors import Problem
from driver.server_programs import embedded_programs, packaged_programs, version_of

MOST_JOBS = 4


@dataclass(frozen=True)
class Tools:
    """A set of client programs, and pg_dump's version, such as `15.18`."""

    folder: Path
    version: str
    pg_dump: str
    pg_restore: str

    def describe(self) -> str:
        """Which programs these are, in words."""
        return f"pg_dump {self.version} in {self.folder}"


def find(major: int) -> Tools:
    """The client programs for a server of this major version."""
    others: set[str] = set()
    path = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    for folder in [*path, *packaged_programs(), *embedded_programs()]:
        pg_dump, pg_restore = (shutil.which(program, path=str(folder)) for program in ("pg_dump", "pg_restore"))
        if not (pg_dump and pg_restore):
            continue
        version = version_of(pg_dump)
        if version.partition(".")[0] == str(major):
            return Tools(folder, version, pg_dump, pg_restore)
        others |= {version} - {""}
    seen = f"; found only {', '.join(sorted(others))}" if others else ""
    raise Problem(
        f"The server is PostgreSQL {major} and there is no pg_dump of that version here{seen}",
        do=f"install PostgreSQL {major}'s client programs, or put their folder on the PATH",
    )


def usual_jobs() -> int:
    """How many parallel workers to use when nobody says: the machine's processors, four at most."""
    return max(1, min(MOST_JOBS, os.cpu_count() or 1))
