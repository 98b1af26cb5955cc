"""One registry database for a test."""

from __future__ import annotations

import os
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import psycopg

    from driver.embedded_server import EmbeddedServer
    from support.dbt_runner import Dbt, DbtRun
    from support.forker import Command

OWNER = "registry_owner"
SUPERUSER = "postgres"
AUDIT_SCHEMA = "cms_id_audit"
NO_BACKUP: dict[str, Any] = {"require_backup": False}
"""Vars for a test that is about something else than backups."""


@dataclass
class Registry:
    """A database with the sample registry in it, owned by an ordinary role.

    Attributes:
        server: the server it is on.
        dbname: its name.
        runner: dbt for this session.
        counts: table -> rows, as loaded; empty for a registry without tables.
        user: the role that commands and dbt connect as.
    """

    server: EmbeddedServer
    dbname: str
    runner: Dbt
    counts: dict[str, int]
    user: str = OWNER

    @property
    def environment(self) -> dict[str, str]:
        """Libpq's variables, the password included."""
        return self.server.environment(self.dbname, self.user)

    @property
    def profiles_dir(self) -> Path:
        """A folder with a profiles.yml that follows `environment`."""
        return self.runner.profiles_dir

    def connect(self, user: str = OWNER, **options: Any) -> psycopg.Connection[Any]:
        """A connection, autocommit unless told otherwise; `postgres` is the superuser."""
        return self.server.connect(self.dbname, user, **options)

    def execute(self, statement: str, parameters: Sequence[Any] | None = None, user: str = OWNER) -> int:
        """Run a statement, or several without parameters, and commit. Returns the number of rows it touched."""
        with self.connect(user) as connection:
            return connection.execute(statement.encode(), parameters).rowcount

    def columns(self, table: str) -> list[str]:
        """A table's columns, in their order."""
        query = (
            "select attname::text from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
            " order by attnum"
        )
        return [name for (name,) in self.rows(query, [table])]

    def rows(self, query: str, parameters: Sequence[Any] | None = None, user: str = OWNER) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self.connect(user) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def dicts(self, query: str, parameters: Sequence[Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query, by column name."""
        with self.connect(row_factory=dict_row) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def value(self, query: str, parameters: Sequence[Any] | None = None, user: str = OWNER) -> Any:
        """The first column of the first row."""
        return self.rows(query, parameters, user)[0][0]

    def dbt(self, *args: str, variables: dict[str, Any] | None = None, timeout: float = 300) -> DbtRun:
        """Run dbt against this registry, whatever comes of it."""
        return self.runner.run(*args, registry=self.environment, query=self.dicts, variables=variables, timeout=timeout)

    def dbt_ok(self, *args: str, variables: dict[str, Any] | None = None, timeout: float = 300) -> DbtRun:
        """Run dbt and insist that it succeeds."""
        run = self.dbt(*args, variables=variables, timeout=timeout)
        assert run.success, f"dbt {' '.join(args)} ended with {run.code}:\n{run.output}"
        return run

    @contextmanager
    def dbt_beside(self, *args: str, variables: dict[str, Any]) -> Iterator[list[DbtRun]]:
        """dbt, running beside the block; what came of it is in the list afterwards."""
        finished: list[DbtRun] = []
        thread = threading.Thread(target=lambda: finished.append(self.dbt(*args, variables=variables)))
        thread.start()
        try:
            yield finished
        finally:
            thread.join(300)

    def psql(self, script: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a script in psql, as somebody does who copied what a dry run prints."""
        return subprocess.run(
            [self.server.programs / "psql", "--no-psqlrc", "--quiet", *options],
            input=script,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def start_dbt(self, *args: str, variables: dict[str, Any] | None = None) -> Command:
        """Start dbt, to be interrupted."""
        return self.runner.start(*args, registry=self.environment, variables=variables)


@contextmanager
def undone(registry: Registry, change: str, back: str) -> Iterator[None]:
    """A change of what all databases of the server share, for the block."""
    registry.execute(change, user=SUPERUSER)
    try:
        yield
    finally:
        registry.execute(back, user=SUPERUSER)
