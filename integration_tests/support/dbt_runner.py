"""Runs dbt on the project for tests and gives back what came of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.forker import Command, Forker

PROJECT = Path(__file__).resolve().parents[2]
PROFILE = """\
cms_id_tracking:
  target: registry
  outputs:
    registry:
      type: postgres
      host: "{{ env_var('PGHOST') }}"
      port: "{{ env_var('PGPORT') | as_number }}"
      user: "{{ env_var('PGUSER') }}"
      password: "{{ env_var('PGPASSWORD') }}"
      dbname: "{{ env_var('PGDATABASE') }}"
      schema: cms_id_audit
      threads: 4
"""

Query = Callable[[str], list[dict[str, Any]]]


@dataclass
class NodeResult:
    """What became of one node.

    Attributes:
        name: the node's name, such as `cms_id_equals_id`.
        unique_id: dbt's id of it.
        status: dbt's word: pass, fail, error, skipped, success, warn.
        failures: failing rows of a test, None for other nodes.
        message: dbt's explanation, or "".
        compiled: the SQL that ran, or "".
    """

    name: str
    unique_id: str
    status: str
    failures: int | None
    message: str
    compiled: str
    _query: Query = field(repr=False)

    @property
    def kind(self) -> str:
        """model, test, snapshot, operation ..."""
        return self.unique_id.split(".", 1)[0]

    @property
    def failing(self) -> list[dict[str, Any]]:
        """All that a test fails on, asked for now: what it was when it ran, if nothing has changed since."""
        return self._query(self.compiled) if self.compiled else []

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its rows, without what is said of all of them first."""
        return [row for row in self.failing if not row.get("summary")]


@dataclass
class DbtRun:
    """One finished dbt command.

    Attributes:
        args: its arguments.
        code: exit status; negative: the signal that ended it.
        output: everything it printed.
        results: its nodes, in the order they finished; empty for commands without any.
        target_path: where its artifacts are, until the next run there.
    """

    args: tuple[str, ...]
    code: int
    output: str
    results: list[NodeResult]
    target_path: Path

    @property
    def success(self) -> bool:
        """Whether dbt says all went well."""
        return self.code == 0

    @property
    def failed(self) -> list[NodeResult]:
        """The nodes that did not do well: fail and error."""
        return [result for result in self.results if result.status in ("fail", "error", "runtime error")]

    @property
    def failed_names(self) -> set[str]:
        """Their names."""
        return {result.name for result in self.failed}

    def of_status(self, status: str) -> set[str]:
        """The names of the nodes with this status."""
        return {result.name for result in self.results if result.status == status}

    def __getitem__(self, name: str) -> NodeResult:
        """The one node of this name."""
        found = [result for result in self.results if result.name == name]
        assert len(found) == 1, (
            f"{len(found)} results named {name}; there are {[result.name for result in self.results]}"
        )
        return found[0]


class Dbt:
    """dbt on this project, one for a session: it keeps dbt loaded and the project parsed, so that runs are quick."""

    def __init__(self, folder: Path, project: Path = PROJECT, forker: Forker | None = None) -> None:
        """Write the profile; dbt is loaded at the first run.

        Args:
            folder: a private folder for profile, logs and targets.
            project: the dbt project to run.
            forker: one that has loaded dbt already.
        """
        self.folder = folder
        self.project = project
        self.profiles_dir = folder / "profile"
        self.profiles_dir.mkdir(parents=True)
        (self.profiles_dir / "profiles.yml").write_text(PROFILE)
        self.forker = forker or Forker(folder, PROJECT / "scripts")

    def environment(self, registry: Mapping[str, str]) -> dict[str, str]:
        """The environment for a dbt process, given libpq's variables of a database."""
        return {**_surroundings(), **registry, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "NO_COLOR": "1"}

    def command(
        self, args: tuple[str, ...], registry: Mapping[str, str], variables: Mapping[str, Any] | None
    ) -> tuple[list[str], Path]:
        """Give dbt's full arguments, and the target path they name.

        That is one for every server and set of variables, else dbt would parse everything anew each time these change.
        """
        key = json.dumps(
            [registry["PGPORT"], registry["PGDATABASE"], dict(variables or {})], sort_keys=True, default=str
        )
        target = self.folder / f"target-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        full = [*args, "--project-dir", str(self.project), "--profiles-dir", str(self.profiles_dir)]
        full += ["--target-path", str(target), "--log-path", str(self.folder / "logs"), "--no-use-colors"]
        full += ["--log-level-file", "none"]  # nobody reads it, and writing it takes a tenth of dbt's time
        if variables:
            full += ["--vars", json.dumps(dict(variables))]
        return full, target

    def run(
        self,
        *args: str,
        registry: Mapping[str, str],
        query: Query,
        variables: Mapping[str, Any] | None = None,
        timeout: float = 300,
    ) -> DbtRun:
        """Run a dbt command to its end.

        Args:
            args: such as `"test", "--select", "tag:cutover"`.
            registry: libpq's variables of the database.
            query: runs SQL there, for the failing rows.
            variables: dbt vars.
            timeout: seconds after which it is killed, and the test fails.
        """
        full, target = self.command(args, registry, variables)
        results_file = target / "run_results.json"
        results_file.unlink(missing_ok=True)
        started = self.forker.start("dbt", full, self.environment(registry), self.project)
        try:
            code = started.wait(timeout)
        finally:
            if not started.ended:
                started.kill()
        return DbtRun(args, code, started.text, self._results(results_file, query), target)

    def start(self, *args: str, registry: Mapping[str, str], variables: Mapping[str, Any] | None = None) -> Command:
        """Start dbt, for tests that interrupt or kill it, or do something meanwhile."""
        full, _ = self.command(args, registry, variables)
        return self.forker.start("dbt", full, self.environment(registry), self.project)

    def close(self) -> None:
        """End the loaded dbt."""
        self.forker.close()

    def _results(self, file: Path, query: Query) -> list[NodeResult]:
        """What run_results.json tells, if the command wrote one."""
        if not file.exists():
            return []
        return [
            NodeResult(
                name=_name(result["unique_id"]),
                unique_id=result["unique_id"],
                status=result["status"],
                failures=result.get("failures"),
                message=result.get("message") or "",
                compiled=result.get("compiled_code") or "",
                _query=query,
            )
            for result in json.loads(file.read_text())["results"]
            if not result["unique_id"].startswith("operation.")  # the hook that refuses switches
        ]


def _surroundings() -> dict[str, str]:
    """The environment, without what leads dbt elsewhere, and without coverage: plain dbt runs nothing of the driver."""
    left_out = ("PG", "DBT_", "COVERAGE")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


def _name(unique_id: str) -> str:
    """The node's name in its unique id: `test.project.name[.hash]`, `model.project.name`."""
    return unique_id.split(".")[2]
