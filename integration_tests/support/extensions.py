"""Extensions of the tests' own, in SQL alone, on servers of every major version."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from driver.embedded_server import EmbeddedServer
from driver.server_programs import copy_programs

if TYPE_CHECKING:
    from pathlib import Path

# name: further lines of its control file. Every version of each has the same functions.
OWN = {
    "words": "trusted = true",
    "words_too": "trusted = true",
    "measures": "trusted = false",
    "configured": "trusted = false",
}
VERSIONS = ("1.0", "1.1")
CONTENT = """
create function @extschema@.{name}_of(value text) returns integer language sql immutable as 'select length($1)';
create domain @extschema@.{name}_domain as text check (value <> '');
"""
ROWS = """
create table @extschema@.configured_rows (id integer primary key, kind text);
insert into @extschema@.configured_rows values (1, 'own');
select pg_catalog.pg_extension_config_dump('@extschema@.configured_rows', 'where id > 1');
"""


class ExtendedServer(EmbeddedServer):
    """A server that finds the tests' own extensions beside its own: in a copy of its programs.

    Attributes:
        like: what `copy_to` made of another such server, to begin with; None: begin anew.
    """

    like: Path | None = None

    def copy_to(self, folder: Path) -> None:
        """Copy the files of a server that has ended in order."""
        folder.mkdir(exist_ok=True)
        _copy_all(self.home, folder)

    def _launch(self) -> None:
        target = self.home / "program"
        if self.like:
            _copy_all(self.like, self.home)
            (postgres,) = target.rglob("bin/postgres")
            self.programs = postgres.parent
        elif not target.exists():
            self.programs = _copy(self.programs, target)
            (folder,) = (control.parent for control in target.rglob("plpgsql.control"))
            for name, lines in OWN.items():
                control = f"comment = 'An extension of the tests'\ndefault_version = '{VERSIONS[-1]}'\nrelocatable = false\n{lines}\n"
                (folder / f"{name}.control").write_text(control)
                for version in VERSIONS:
                    script = CONTENT.format(name=name) + (ROWS if name == "configured" else "")
                    (folder / f"{name}--{version}.sql").write_text(script)
        super()._launch()


def _copy_all(source: Path, target: Path) -> None:
    """Copy a server's files with their owners, all but those of its process."""
    subprocess.run(["cp", "-a", *(source / name for name in ("program", "data", "pgpass")), target], check=True)


def _copy(programs: Path, target: Path) -> Path:
    major = programs.parent.name
    share = programs.parents[3] / "share" / "postgresql" / major
    if not share.is_dir():
        return copy_programs(programs, target)
    # as Debian lays it out; the copy looks for it where it was in relation to the programs
    shutil.copytree(programs.parent, target / "lib" / "postgresql" / major)
    shutil.copytree(share, target / "share" / "postgresql" / major)
    return target / "lib" / "postgresql" / major / programs.name


def available(server: EmbeddedServer) -> set[str]:
    """The extensions that a server can have."""
    with server.connect() as session:
        return {name for (name,) in session.execute("select name from pg_catalog.pg_available_extensions")}


def skip_without(server: EmbeddedServer, *statements: str) -> None:
    """Skip a test whose statements create an extension that this server's package does not bring."""
    wanted = set(re.findall(r"create extension (\w+)", ";".join(statements)))
    if missing := wanted - available(server):
        pytest.skip(f"this server comes without {', '.join(sorted(missing))}")
