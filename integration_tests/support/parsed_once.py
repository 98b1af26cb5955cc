"""dbt parses a project once for all tests: as a file, each process has it again in a tenth of the time.

dbt itself parses anew for each server and for each set of vars. Here it does for each content of the project, database
and set of those vars that are read while it parses.
"""

from __future__ import annotations

import fcntl
import gc
import hashlib
import inspect
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dbt.cli.requires
import dbt.task.runnable
from dbt.adapters.factory import get_adapter, register_adapter
from dbt.adapters.postgres.connections import PostgresCredentials
from dbt.context.providers import generate_runtime_macro_context
from dbt.context.query_header import generate_query_header_context
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.project import Configuration, PackageConfig, ProfileConfig, Project, ProjectFlags
from dbt.contracts.selection import SelectorFile
from dbt.mp_context import get_mp_context
from dbt.parser.manifest import extended_mashumaro_encoder, extended_mashumuro_decoder, parse_manifest, write_manifest
from dbt.plugins.manager import PluginManager
from dbt_common.clients.jinja import template_cache

from support.forker import PARSED

if TYPE_CHECKING:
    from dbt.config.runtime import RuntimeConfig

CONTENT = ("macros", "models", "snapshots", "tests", "dbt_packages")
SUFFIXES = (".sql", ".yml", ".md")
# Read by operations only: no model, test or snapshot depends on them. Whether they are of their kind, parsing looks at.
OF_OPERATIONS: dict[str, type] = {
    "require_backup": bool,
    "allow_unseen_sessions": bool,
    "allow_update_triggers": bool,
    "batch_milliseconds": int,
    "batch_size": int,
    "lock_attempts": int,
    "lock_timeout": str,
    "go_without_signals": list,
    "max_archive_backlog": str,
    "max_commit_latency": str,
    "max_replica_lag": str,
    "max_slot_wal": str,
    "max_waiting_sessions": int,
    "min_disk_free": str,
    "online_lock_attempts": int,
    "online_lock_timeout": str,
    "rows_per_second": int,
    "server_disk_free": str,
    "window_budget": str,
}
MODES = (("mode", "window"), ("mode", "online"))
CONFIGURATIONS = (
    ProjectFlags,
    PostgresCredentials,
    ProfileConfig,
    Project,
    PackageConfig,
    SelectorFile,
    Configuration,
)

_known: dict[str, Manifest] = {}


def parse_once() -> None:
    """From now on, this process and its forks parse nothing that is parsed already."""
    dbt.cli.requires.parse_manifest = _parsed  # type: ignore[attr-defined, assignment]


def get_ready() -> None:
    """Do what dbt does at each start, for the forks of this process: look for plugins, and work out schemas."""
    found = PluginManager.get_prefixed_modules()  # type: ignore[no-untyped-call]
    PluginManager.get_prefixed_modules = lambda: found  # type: ignore[method-assign]
    inspect.stack()
    dbt.task.runnable.write_manifest = lambda *_: None  # type: ignore[attr-defined]  # as it was after parsing
    for configuration in CONFIGURATIONS:
        configuration.json_schema()


def keep_parsed() -> None:
    """Read what was parsed into this process, for its forks; each of them may do to it what it likes."""
    for wanted in Path(os.environ[PARSED]).glob(f"*.{os.getpid()}"):
        wanted.unlink()
        if not wanted.with_suffix(".parsed").exists():
            continue  # it cannot be parsed, or was killed meanwhile
        _known[wanted.stem] = manifest = _read(wanted.with_suffix(".parsed"))
        for macro in manifest.macros.values():
            template_cache.get_node_template(macro)


def _parsed(config: RuntimeConfig, write_perf_info: bool, write: bool, write_json: bool, integrations: Any) -> Manifest:  # noqa: FBT001  dbt's own
    """The project, in place of `dbt.parser.manifest.parse_manifest`."""
    key = _key(config)
    file = Path(os.environ[PARSED], f"{key}.parsed")
    manifest = _known.get(key)
    if manifest is None:
        file.with_suffix(f".{os.getppid()}").touch()
        with file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.exists():
                manifest = parse_manifest(config, write_perf_info, write, write_json, integrations)
                draft = file.with_suffix(".draft")
                draft.write_bytes(manifest.to_msgpack(extended_mashumaro_encoder))
                draft.replace(file)
                return manifest
        manifest = _read(file)
    register_adapter(config, get_mp_context())
    adapter = get_adapter(config)
    adapter.set_macro_context_generator(generate_runtime_macro_context)
    adapter.set_macro_resolver(manifest)
    adapter.connections.set_query_header(generate_query_header_context(config, manifest))
    if write and write_json and not Path(config.project_target_path, "manifest.json").exists():
        write_manifest(manifest, config.project_target_path)
    return manifest


def _read(file: Path) -> Manifest:
    was_enabled = gc.isenabled()
    gc.disable()  # all of it stays, and looking for garbage among it takes as long as reading it
    try:
        manifest = Manifest.from_msgpack(file.read_bytes(), decoder=extended_mashumuro_decoder)
    finally:
        if was_enabled:
            gc.enable()
    manifest.build_flat_graph()  # type: ignore[no-untyped-call]
    return manifest


def _key(config: RuntimeConfig) -> str:
    """What parsing depends on."""
    root = Path(config.project_root)
    files = [root / "dbt_project.yml", *(path for part in CONTENT for path in sorted((root / part).rglob("*")))]
    content = hashlib.sha256()
    for path in files:
        if path.suffix in SUFFIXES and path.is_file():
            content.update(str(path.relative_to(root)).encode())
            content.update(path.read_bytes())
    read = {
        name: value
        for name, value in config.cli_vars.items()
        if type(value) is not OF_OPERATIONS.get(name) and (name, value) not in MODES
    }
    credentials = config.credentials
    whole = [content.hexdigest(), credentials.database, credentials.schema, config.target_name, read]
    return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()[:16]
