"""A server with the sample registry at one scale, from which every turn gets a fresh clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from driver import packages, profile, sample_registry
from driver.bootstrap import ROOT
from driver.embedded_server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psycopg

OWNER = "registry_owner"
DATABASE = "registry"
CORE_TABLES = (
    "schools",
    "programs",
    "structures",
    "structure_semesters",
    "modules",
    "semester_modules",
    "module_prerequisites",
    "student_education",
    "next_of_kins",
    "student_programs",
    "student_semesters",
    "student_modules",
)


class Stage:
    """The server and its templates: `loaded`, and `baselined` once that is asked for."""

    def __init__(self, scale: float) -> None:
        """Start the server and load the registry."""
        self.scale = scale
        self.folder = Path(tempfile.mkdtemp(prefix="cmsid-bench-"))
        shutil.copy(ROOT / "profiles.example.yml", self.folder / profile.FILE)
        packages.install()
        self.server = EmbeddedServer().start()
        self.server.create_role(OWNER)
        self.server.create_database("loaded", OWNER)
        with self.server.connect("loaded", OWNER) as session:
            sample_registry.load(session, scale)
        self._baselined = False

    def close(self) -> None:
        """Stop the server and remove everything."""
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def clone(self, template: str = "loaded") -> Iterator[psycopg.Connection[Any]]:
        """A fresh copy of a template, under the usual name; the block gets a session of its owner."""
        if template == "baselined" and not self._baselined:
            with self.clone():
                self.dbt("snapshot")
            self.server.create_database("baselined", OWNER, DATABASE)
            self._baselined = True
        self.server.drop_database(DATABASE)
        self.server.create_database(DATABASE, OWNER, template)
        with self.server.connect() as session:
            session.execute("checkpoint")  # or the copying itself would weigh on whoever comes next
        session = self.server.connect(DATABASE, OWNER)
        try:
            yield session
        finally:
            session.close()

    def environment(self) -> dict[str, str]:
        """For programs that work on the clone."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {
            **kept,
            **self.server.environment(DATABASE, OWNER),
            "DBT_PROFILES_DIR": str(self.folder),
            "NO_COLOR": "1",
        }

    def dbt(self, *arguments: str, variables: str = "require_backup: false") -> str:
        """Run dbt as a process of its own, as a user would. Returns what it printed."""
        command = [sys.executable, "-m", "dbt.cli.main", *arguments, "--vars", f"{{{variables}}}"]
        command += [
            "--project-dir",
            str(ROOT),
            "--target-path",
            str(self.folder / "target"),
            "--log-path",
            str(self.folder),
        ]
        return self.run(command)

    def cmsid(self, *arguments: str) -> float:
        """Run `cmsid`. Returns the most memory that the process had, in megabytes."""
        code = "import sys; from driver.cli import main; sys.exit(main())"
        process = psutil.Popen(
            [sys.executable, "-c", code, *arguments],
            env={**self.environment(), "PYTHONPATH": str(ROOT / "scripts")},
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        most = 0
        while process.poll() is None:
            try:
                most = max(most, process.memory_info().rss)
            except psutil.Error:
                break
            time.sleep(0.05)
        _, errors = process.communicate()
        if process.returncode:
            raise RuntimeError(f"cmsid {' '.join(arguments)} ended with {process.returncode}: {errors}")
        return most / 1e6

    def psql(self, script: str) -> None:
        """Run a script in psql, as the written procedure does."""
        self.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-P", "pager=off"], script)

    def tool(self, name: str) -> str:
        """One of the server's own programs, such as pg_dump."""
        return str(self.server.programs / name)

    def run(self, command: list[str], given: str = "") -> str:
        """Run a program on the clone, and insist that it succeeds."""
        if command[0] == "psql":
            command = [self.tool("psql"), *command[1:]]
        done = subprocess.run(
            command, input=given, env=self.environment(), cwd=self.folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(command[:4])} ended with {done.returncode}: {done.stderr[-2000:]}{done.stdout[-2000:]}"
            )
        return done.stdout


def wal_position(session: psycopg.Connection[Any]) -> int:
    """How many bytes of WAL the server has written so far."""
    return int(session.execute("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')").fetchone()[0])  # type: ignore[index]


def core_size(session: psycopg.Connection[Any]) -> float:
    """The size of the core tables with their indexes, in megabytes."""
    row = session.execute(
        "select sum(pg_total_relation_size(oid)) / 1e6 from pg_class where relname = any(%s) and relkind = 'r'",
        (list(CORE_TABLES),),
    ).fetchone()
    return float(row[0])  # type: ignore[index]


def megabytes_since(session: psycopg.Connection[Any], position: int) -> Mapping[str, float]:
    """WAL written since a position."""
    return {"WAL, MB": (wal_position(session) - position) / 1e6}
