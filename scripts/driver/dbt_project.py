"""The dbt project, run in this process: parsed once, then reused by every dbt command of a `cmsid` command."""

from __future__ import annotations

import errno
import gc
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from driver.bootstrap import ROOT, project
from driver.errors import Problem
from driver.termination import raise_if_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

    from driver.profile import Connection

PACKAGE = "cms_id_tracking"
COMMANDS = ("parse", "run", "run-operation", "snapshot", "test")
FOLLOWED = {
    "DBT_LOG_PATH",
    "DBT_PROFILE",
    "DBT_PROFILES_DIR",
    "DBT_SEND_ANONYMOUS_USAGE_STATS",
    "DBT_TARGET",
    "DBT_TARGET_PATH",
}
"""The variables of dbt's switches that say where something is. The others would change what a run does or proves."""
READ_BY_COMMANDS = {"mode", "window_budget", "server_disk_free"}
"""Vars that only commands read. Had parsing them as well, dbt would parse everything anew for each value."""


@dataclass(frozen=True)
class CoreTable:
    """One of the tables that get a cms_id, its name that of a dbt source, its identifier the one in the database."""

    name: str
    schema: str
    identifier: str
    id_column: str
    constraint: str


def read_yaml(path: Path, what: str) -> dict[str, Any]:
    """The names and values that a YAML file gives; none if it holds anything else. Raises Problem if it cannot be read."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        # YAML's own message quotes the file, where a password may stand: say only where it is.
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise Problem(f"{what} cannot be read", where=f"{path}{line}", do="correct it") from error
    return content if isinstance(content, dict) else {}


def settings(folder: Path) -> dict[str, Any]:
    """What a project's dbt_project.yml says; empty if there is none."""
    path = folder / "dbt_project.yml"
    return read_yaml(path, "The dbt project") if path.exists() else {}


def keep_out_of_git(folder: Path) -> None:
    """See to it that a folder of ours in somebody else's project is not committed with it."""
    if project() != ROOT and project() in folder.absolute().parents:
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")


def nodes_at_a_time(connection: Connection) -> int:
    """How many nodes dbt works on at a time: the profile's threads, and at least as many as keep the processors busy."""
    return max(connection.threads, (os.cpu_count() or 1) + 2)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Importing dbt and parsing make a million objects that all stay: looking for garbage among them takes a second, now or later."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        # Each node's garbage comes in megabytes: looking after every 700 objects finds no more.
        gc.set_threshold(20_000)
        if was_enabled:
            gc.enable()


@contextmanager
def _without_switches() -> Iterator[None]:
    """Hide the environment's switches from dbt. Those that a profile reads of its own accord stay: DBT_HOST, DBT_PASSWORD."""
    from dbt.cli.main import cli

    names = {
        name
        for command in (cli, *(cli.commands[name] for name in COMMANDS))
        for option in command.params
        for name in ([option.envvar] if isinstance(option.envvar, str) else option.envvar or ())
    }
    kept = {name.replace("DBT_", "DBT_ENGINE_", 1) for name in FOLLOWED} | FOLLOWED
    hidden = {name: os.environ.pop(name) for name in names - kept if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _is_parsed() -> bool:
    """Whether no macro has changed since dbt parsed the project: else dbt would forget what YAML says of singular tests."""
    parsed = project() / os.environ.get("DBT_TARGET_PATH", "target") / "partial_parse.msgpack"
    folders = {folder / part for folder in (project(), ROOT) for part in ("macros", "dbt_packages")}
    macros = (path for folder in folders for path in folder.rglob("*.sql"))
    return parsed.exists() and parsed.stat().st_mtime > max(path.stat().st_mtime for path in macros)


@dataclass
class DbtProject:
    """Runs dbt in this process.

    Attributes:
        profiles_dir: the folder of profiles.yml; dbt's own search when None.
        target: the profile's target; its default when None.
        variables: dbt vars that every command of this object gets.
        threads: how many nodes at a time.
        on_event: called with every dbt event (dbt's own EventMsg), for progress.
    """

    profiles_dir: Path | None = None
    target: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 1
    on_event: Callable[[Any], None] | None = None
    _manifest: Manifest | None = None

    def forget_compiled(self) -> None:
        """Have dbt compile all for another database, with the same parsed project: it puts what a node selects from in once."""
        from dbt.contracts.graph.nodes import CompiledNode

        for node in self._manifest.nodes.values() if self._manifest else ():
            if isinstance(node, CompiledNode):
                node.compiled, node.extra_ctes_injected, node.extra_ctes = False, False, []

    def invoke(self, *arguments: str) -> dbtRunnerResult:
        """Run one dbt command, quietly, and return dbt's own result; whether it succeeded is in `.success`.

        Raises:
            KeyboardInterrupt: it was interrupted, which dbt takes for one failure among others.
        """
        from dbt.cli.main import dbtRunner

        options = ["--project-dir", str(project())]
        if self.profiles_dir:
            options += ["--profiles-dir", str(self.profiles_dir)]
        if self.target:
            options += ["--target", self.target]
        if arguments[0] in ("run", "snapshot", "test"):  # of ours, whatever else the project holds
            options += ["--select", f"package:{PACKAGE}", "--threads", str(self.threads)]
        parses = arguments[0] == "parse"
        variables = {name: self.variables[name] for name in self.variables if not (parses and name in READ_BY_COMMANDS)}
        if variables:
            options += ["--vars", json.dumps(variables)]
        manifest = None if parses else self.manifest
        runner = dbtRunner(manifest=manifest, callbacks=[self.on_event] if self.on_event else [])
        with _without_switches():
            # Everything is in the result; dbt's own files of it would cost half a second at each command.
            result = runner.invoke(["--quiet", "--log-level", "none", "--no-write-json", *arguments, *options])
        if isinstance(result.exception, KeyboardInterrupt):
            raise result.exception
        raise_if_interrupted()
        # The hook that a command begins with is no snapshot, view or test.
        if nodes := getattr(result.result, "results", None):
            nodes[:] = [
                item for item in nodes if getattr(item, "node", None) is None or item.node.resource_type != "operation"
            ]
        return result

    @property
    def manifest(self) -> Manifest:
        """The parsed project."""
        if self._manifest is None:
            is_parsed = _is_parsed()
            with _without_collection():
                result = self.invoke("parse", "--partial-parse" if is_parsed else "--no-partial-parse")
                if not is_parsed:
                    gc.collect()  # what only a whole parse leaves: 25 MB
            error = result.exception
            if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise Problem(
                    "dbt may not write its log or the parsed project",
                    where=str(error.filename),
                    do=f"make the folder {Path(error.filename or project()).parent} writable",
                )
            if not result.success:
                raise Problem(
                    "the dbt project could not be parsed", where=str(project()), do=f"run `dbt parse`: {error}"
                )
            self._manifest = cast("Manifest", result.result)
        return self._manifest

    def var(self, name: str) -> Any:
        """The value of a dbt var: the one given here, else the project's, else the package's."""
        return self.variables[name] if name in self.variables else self._defaults[name]

    @cached_property
    def _defaults(self) -> Mapping[str, Any]:
        given = settings(project()).get("vars") or {}
        return {**settings(ROOT)["vars"], **given, **given.get(PACKAGE, {})}

    def core_tables(self) -> list[CoreTable]:
        """The core tables, by name: the sources with `core_table: true` in their meta."""
        pattern = self.var("cms_id_constraint")
        tables = [
            CoreTable(
                name=source.name,
                schema=source.schema,
                identifier=source.identifier,
                id_column=meta.get("id_column", "id"),
                constraint=meta.get("constraint") or pattern.replace("{table}", source.identifier),
            )
            for source in self.manifest.sources.values()
            if (meta := source.config.meta).get("core_table")
        ]
        return sorted(tables, key=lambda table: table.name)
