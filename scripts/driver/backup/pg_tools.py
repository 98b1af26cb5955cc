"""PostgreSQL's own client programs, of the server's own major version.

An older pg_dump refuses a newer server, and a dump of a newer pg_dump does not restore into an older server: so exactly
the server's major version is looked for, on the PATH, where packages install it, and in the embedded server's folder.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from driver.errors import Problem
from driver.server_programs import embedded_programs, version_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGED = (
    "/usr/lib/postgresql/{major}/bin",
    "/usr/pgsql-{major}/bin",
    "/opt/homebrew/opt/postgresql@{major}/bin",
    "/usr/local/opt/postgresql@{major}/bin",
    "/Applications/Postgres.app/Contents/Versions/{major}/bin",
    "C:/Program Files/PostgreSQL/{major}/bin",
)
PROGRAMS = ("pg_dump", "pg_restore")

MOST_JOBS = 4


@dataclass(frozen=True)
class Tools:
    """A set of client programs, and pg_dump's version, such as `15.18`."""

    folder: Path
    version: str

    @property
    def pg_dump(self) -> str:
        """The path of pg_dump."""
        return self._path("pg_dump")

    @property
    def pg_restore(self) -> str:
        """The path of pg_restore."""
        return self._path("pg_restore")

    def describe(self) -> str:
        """Which programs these are, in words."""
        return f"pg_dump {self.version} in {self.folder}"

    def _path(self, program: str) -> str:
        return shutil.which(program, path=str(self.folder)) or str(self.folder / program)


def find(major: int) -> Tools:
    """The client programs for a server of this major version."""
    others: set[str] = set()
    for folder in _folders(major):
        version = _version(folder)
        if version and int(version.split(".")[0]) == major:
            return Tools(folder, version)
        others |= {version} - {""}
    seen = f"; found only {', '.join(sorted(others))}" if others else ""
    raise Problem(
        f"The server is PostgreSQL {major} and there is no pg_dump of that version here{seen}",
        do=f"install PostgreSQL {major}'s client programs, or put their folder on the PATH",
    )


def _folders(major: int) -> Iterator[Path]:
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        if entry:
            yield Path(entry)
    for pattern in PACKAGED:
        yield Path(pattern.format(major=major))
    yield from embedded_programs()


def _version(folder: Path) -> str:
    """The version of the programs in a folder; empty unless it has all of them."""
    paths = [shutil.which(program, path=str(folder)) for program in PROGRAMS]
    return version_of(str(paths[0])) if all(paths) else ""


def usual_jobs() -> int:
    """How many parallel workers to use when nobody says: the machine's processors, four at most."""
    return max(1, min(MOST_JOBS, os.cpu_count() or 1))
