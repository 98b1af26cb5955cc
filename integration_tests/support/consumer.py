"""Somebody else's dbt project, which has this one as a package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.registry import Registry

ROOT = Path(__file__).resolve().parents[2]


class Consumer:
    """A dbt project that has this one as a package, beside it, on a database with its tables."""

    def __init__(self, folder: Path, registry: Registry, tables: str) -> None:
        """Make its folder, and load its tables.

        Args:
            folder: the folder that gets it, with this project beside it.
            registry: an empty database.
            tables: SQL that makes them.
        """
        self.folder = folder / "campus"
        self.folder.mkdir()
        self.registry = registry
        self.python = Path(sys.executable)
        (folder / "cms-id-tracking").symlink_to(ROOT)
        registry.execute(tables)

    def write_project(self) -> None:
        """The two files that docs/another-registry.md begins with."""
        guide = (ROOT / "docs" / "another-registry.md").read_text("utf-8")
        for name, content in re.findall(r'```yaml title="create (\S+)"\n(.*?)```', guide, re.DOTALL):
            (self.folder / name).write_text(content)
        self.install_without_hub()

    def install_without_hub(self) -> None:
        """The lines of docs/as-a-package.md."""
        (lines,) = re.findall(r"```sh\n(mkdir [^`]*)```", (ROOT / "docs" / "as-a-package.md").read_text("utf-8"))
        self.run("/bin/sh", "-ec", lines)

    def cmsid(self, *arguments: str) -> str:
        """Run the command on it."""
        return self.run(self.python, ROOT / "scripts" / "cmsid", "--project-dir", ".", *arguments)

    def run(self, *command: str | Path, **variables: str) -> str:
        """Run a command in its folder, which has to succeed; gives back what it printed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT_", "COVERAGE"))}
        done = subprocess.run(
            list(command),
            cwd=self.folder,
            env={
                **kept,
                **self.registry.environment,
                "DBT_PROFILES_DIR": str(self.registry.profiles_dir),
                "NO_COLOR": "1",
                "CMSID_NO_VENV": "1",
                **variables,
            },
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def cms_ids(self, keys: Mapping[str, str]) -> dict[str, int]:
        """Table -> how many rows have their key as cms_id; only those that have the column."""
        return {
            table: self.registry.value(f"select count(*) from {table} where cms_id = {key}")
            for table, key in keys.items()
            if "cms_id" in self.registry.columns(table)
        }
