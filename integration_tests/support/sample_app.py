"""A copy of the sample application to work on, with the real drizzle-kit and drizzle-orm from npm."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.registry import Registry

SAMPLE_APP = Path(__file__).resolve().parents[1] / "sample_app"
CACHE = Path(__file__).resolve().parents[2] / ".cache"


def node_modules() -> Path:
    """The sample application's packages, installed once for each state of its package.json; skips where npm cannot."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "sample-app.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other processes run tests of this kind as well
        return _installed()


def _installed() -> Path:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, and drizzle-kit comes from there")
    wanted = hashlib.sha256((SAMPLE_APP / "package.json").read_bytes()).hexdigest()[:12]
    installed = CACHE / f"sample-app-{wanted}"
    if not (installed / "complete").exists():
        shutil.rmtree(installed, ignore_errors=True)
        installed.mkdir(parents=True)
        shutil.copy(SAMPLE_APP / "package.json", installed)
        command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund"]
        run = subprocess.run(command, cwd=installed, capture_output=True, text=True, check=False)
        if run.returncode:
            pytest.skip(f"npm install failed, and drizzle-kit comes from there: {run.stderr.strip().splitlines()[-1:]}")
        (installed / "complete").touch()
    return installed / "node_modules"


@dataclass
class SampleApp:
    """A copy of the sample application."""

    folder: Path

    @classmethod
    def copy_to(cls, folder: Path) -> SampleApp:
        """Copy it, packages and all."""
        modules = node_modules()
        shutil.copytree(SAMPLE_APP, folder, ignore=shutil.ignore_patterns("node_modules"))
        (folder / "node_modules").symlink_to(modules)
        return cls(folder)

    @property
    def src(self) -> Path:
        """The application's code."""
        return self.folder / "src"

    @property
    def migrations(self) -> Path:
        """Where drizzle-kit puts its migrations."""
        return self.folder / "drizzle"

    def generate(self, name: str) -> str | None:
        """Let drizzle-kit generate the next migration; its SQL, or None where it sees no change."""
        output = self._run("node_modules/.bin/drizzle-kit", "generate", "--name", name)
        if "No schema changes" in output:
            return None
        [path] = self.migrations.glob(f"*_{name}.sql")
        return path.read_text()

    def baseline(self, registry: Registry) -> None:
        """Make the database one that the application's first migration, which makes the tables, has been run on."""
        assert self.generate("first")
        journal: dict[str, Any] = json.loads((self.migrations / "meta" / "_journal.json").read_text())
        registry.execute("create schema drizzle")
        ledger = "drizzle.__drizzle_migrations"
        registry.execute(f"create table {ledger} (id serial primary key, hash text not null, created_at bigint)")
        run = journal["entries"][0]["when"]
        registry.execute(f"insert into {ledger} (hash, created_at) values ('first', %s)", [run])

    def migrate(self, registry: Registry) -> subprocess.CompletedProcess[str]:
        """Run the migrations with drizzle-orm's own migrator."""
        return self._start("node", "migrate.mjs", environment=registry.environment)

    def wanted_by_push(self, registry: Registry) -> list[str]:
        """The statements `drizzle-kit push` would run to make the database what the schema files say.

        Empties the tables: where there are rows, drizzle-kit asks before it shows anything.
        """
        registry.execute("truncate students, terms, schools, modules restart identity cascade")
        run = self._start(
            "node_modules/.bin/drizzle-kit", "push", "--strict", "--verbose", environment=registry.environment
        )
        if "No changes detected" in run.stdout:
            return []
        shown = run.stdout.partition("current statements:")[2]
        assert shown, run.stdout + run.stderr
        statements = re.findall(r"^[A-Z]+ .*;$", shown, re.MULTILINE)
        # drizzle-kit reads the columns of a constraint in whatever order the server gives them, so that it finds a
        # difference in any constraint on several columns, now and then.
        several = set(re.findall(r'ADD CONSTRAINT (".*?") UNIQUE\("[^)]*,', shown))
        return [s for s in statements if not any(f"CONSTRAINT {name}" in s for name in several)]

    def _run(self, *command: str) -> str:
        run = self._start(*command)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def _start(self, *command: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
