"""A server with the sample registry at one scale, from which every turn gets a fresh clone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import yaml

from driver import packages, profile, sample_registry
from driver.bootstrap import ROOT
from driver.embedded_server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import psycopg

LOADED = "loaded"
BASELINED = "baselined"
OWNER = "registry_owner"
DATABASE = "registry"
CORE_TABLES = [
    table["name"]
    for table in yaml.safe_load((ROOT / "models/registry/_sources.yml").read_text("utf-8"))["sources"][0]["tables"]
    if table.get("config", {}).get("meta", {}).get("core_table")
]
SAMPLED_EVERY = 0.1  # seconds
NOT_COPIED = shutil.ignore_patterns(".*", "backup_db", "reports", "target", "logs", "integration_tests", "node_modules")


class Stage:
    """The server, its templates (`loaded`, and `baselined` once that is asked for), and a copy of the project.

    The project is copied because a run writes backups and reports into it, where nobody else's are to be.
    """

    def __init__(self, scale: float) -> None:
        """Start the server and load the registry."""
        self.folder = Path(tempfile.mkdtemp(prefix="cmsid-bench-"))
        self._baselined = False
        self.server = EmbeddedServer()
        try:
            packages.install()
            self.project = self.folder / "project"
            shutil.copytree(ROOT, self.project, ignore=NOT_COPIED)
            shutil.copy(ROOT / "profiles.example.yml", self.folder / profile.FILE)
            self.server.start()
            self.server.create_role(OWNER, attributes="createdb in role pg_read_all_stats")
            self.server.create_database(LOADED, OWNER)
            with self.server.connect(LOADED, OWNER) as session:
                sample_registry.load(session, scale)
                # or whoever reads the rows first would pay for marking them as committed
                session.execute("vacuum analyze")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop the server and remove everything."""
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def clone(self, template: str = LOADED) -> Iterator[psycopg.Connection[Any]]:
        """A fresh copy of a template, under the usual name; the block gets a session of its owner.

        `baselined` holds what a migration asks for: a backup that was restored and compared, and the baseline.
        """
        if template == BASELINED and not self._baselined:
            with self.clone():
                backups = self.folder / "first"
                self.cmsid("backup", "--verify", "--directory", str(backups))
                shutil.rmtree(backups)
                self.dbt("snapshot")
            with self.server.connect(DATABASE, OWNER) as session:
                session.execute("vacuum analyze")
            self._copy(DATABASE, BASELINED)
            self._baselined = True
        self.server.drop_database(DATABASE)
        self._copy(template, DATABASE)
        with self.server.connect() as session:
            session.execute("checkpoint")  # or the copying itself would weigh on whoever comes next
        session = self.server.connect(DATABASE, OWNER)
        try:
            yield session
        finally:
            session.close()
            shutil.rmtree(self.project / "backup_db", ignore_errors=True)

    def turn(
        self, work: Callable[[psycopg.Connection[Any]], Mapping[str, float]], template: str = LOADED
    ) -> Callable[[], Mapping[str, float]]:
        """A turn that does the work on a clone."""

        def on_clone() -> Mapping[str, float]:
            with self.clone(template) as session:
                return work(session)

        return on_clone

    def _copy(self, template: str, name: str) -> None:
        with self.server.connect() as session:
            session.execute(f"create database {name} owner {OWNER} template {template} strategy file_copy")

    def environment(self) -> dict[str, str]:
        """For programs that work on the clone."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        ours = {"DBT_PROFILES_DIR": str(self.folder), "NO_COLOR": "1"}
        return kept | self.server.environment(DATABASE, OWNER) | ours

    def plan(self, mode: str) -> list[tuple[str, str]]:
        """The migration's plan as the project prints it, as (label, statement): what is measured is what would run."""
        with self.clone(BASELINED):
            arguments = f"{{dry_run: true, mode: {mode}}}"
            script = self.dbt("--quiet", "run-operation", "add_cms_id", "--args", arguments)
        parts = re.split(r"^-- \d+ of \d+: (.*)$", script, flags=re.MULTILINE)
        if not parts[1:]:
            raise RuntimeError(f"dbt printed no plan for {mode} mode")
        return list(zip(parts[1::2], parts[2::2], strict=True))

    def dbt(self, *arguments: str) -> str:
        """Run dbt as a process of its own, as a user would. Returns what it printed."""
        command = [sys.executable, "-m", "dbt.cli.main", *arguments]
        command += ["--project-dir", str(self.project), "--log-path", str(self.folder)]
        return self.run(command)

    def cmsid(self, *arguments: str) -> float:
        """Run `cmsid`. Returns the most memory that it had at once, in megabytes, with the programs that it started."""
        code = "import sys; from driver.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", code, *arguments]
        environment = {**self.environment(), "PYTHONPATH": str(self.project / "scripts")}
        most = 0.0
        with tempfile.TemporaryFile("w+") as said:
            process = psutil.Popen(command, env=environment, cwd=self.folder, stdout=said, stderr=subprocess.STDOUT)
            while process.poll() is None:
                most = max(most, _memory_of(process))
                with suppress(psutil.TimeoutExpired):
                    process.wait(SAMPLED_EVERY)
            if process.returncode:
                said.seek(0)
                raise RuntimeError(_reason(f"cmsid {arguments[0]}", process.returncode, said.read()))
        return most

    def psql(self, script: str) -> None:
        """Run a script in psql, as the written procedure does."""
        self.run([self.tool("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-P", "pager=off"], script)

    def tool(self, name: str) -> str:
        """One of the server's own programs, such as pg_dump."""
        return str(self.server.programs / name)

    def run(self, command: list[str], given: str = "") -> str:
        """Run a program on the clone, and insist that it succeeds."""
        done = subprocess.run(
            command, input=given, env=self.environment(), cwd=self.folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            name = Path(command[0]).name if command[0] != sys.executable else f"dbt {command[3]}"
            raise RuntimeError(_reason(name, done.returncode, done.stdout + done.stderr))
        return done.stdout

    def connection(self) -> profile.Connection:
        """How the driver reaches the clone."""
        password = self.server.passwords[OWNER]
        return profile.Connection(self.server.host, self.server.port, OWNER, DATABASE, password)

    def reads(self, table: str, database: str = DATABASE) -> tuple[float, float]:
        """How many rows of a table have been read so far, and how many entries of its indexes that led to no row."""
        query = """
            select seq_tup_read + coalesce(idx_tup_fetch, 0), coalesce(in_indexes - idx_tup_fetch, 0)
            from pg_stat_user_tables as t
            cross join lateral (select sum(idx_tup_read) from pg_stat_user_indexes where relid = t.relid) as i (in_indexes)
            where schemaname = 'public' and relname = %s
        """
        time.sleep(SAMPLED_EVERY * 10)  # who has ended still tells what it read
        with self.server.connect(database) as session:
            rows, entries = session.execute(query.encode(), (table,)).fetchone()  # type: ignore[misc]
        return float(rows), float(entries)

    def seconds_in_sql(self) -> float:
        """How long sessions have been at work on statements in the clone, all together; those that ended count."""
        with self.server.connect() as session:
            return number(session, "select active_time / 1000 from pg_stat_database where datname = %s", DATABASE)


def _memory_of(process: psutil.Process) -> float:
    """The resident memory of a process and all it started, in megabytes; pages that they share count for each."""
    total = 0
    with suppress(psutil.Error):
        for member in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                total += member.memory_info().rss
    return total / 1e6


def _reason(name: str, code: int, said: str) -> str:
    """Why a program failed, in one sentence: its exit code and what it said of an error, or said last."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\b(error|failed|fatal)\b", line, re.IGNORECASE)]
    return f"{name} ended with exit code {code}: {(telling or lines or ['it said nothing'])[-1]}"


def number(session: psycopg.Connection[Any], query: str, *parameters: object) -> float:
    """The one number that a query gives."""
    return float(session.execute(query.encode(), parameters).fetchone()[0])  # type: ignore[index]


def wal_megabytes(session: psycopg.Connection[Any]) -> float:
    """How much WAL the server has written so far."""
    return number(session, "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') / 1e6")
