"""How an application has set up drizzle-kit: its configuration file and its version."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from driver.drizzle.casing import Casing
from driver.drizzle.typescript import parse, string_value, text_of, walk
from driver.errors import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from tree_sitter import Node

    from driver.drizzle.typescript import TypeScript

_NAMES = [f"drizzle.config.{suffix}" for suffix in ("ts", "mts", "cts", "js", "mjs", "cjs", "json")]


@dataclass(frozen=True)
class Kit:
    """What of drizzle-kit's set-up decides about names and places."""

    folder: Path
    """The application's own folder: where its configuration is, else the nearest package.json."""
    config: Path | None
    casing: Casing
    out: Path
    """The migrations folder, there or not."""
    version: str
    """As installed, else as package.json asks for; empty where neither says."""

    @property
    def names_by_table(self) -> bool:
        """Whether it is of the kind that came with version 1.

        There, casing is set table by table in the schema files, and a unique constraint without a name of its own gets
        the one that PostgreSQL would give it.
        """
        return re.match(r"\D*[1-9]|beta|rc", self.version) is not None

    def constraint_name(self, table: str, key: str, column: str | None) -> str:
        """The name drizzle-kit gives a unique constraint that is not given one.

        Args:
            table: the table's name.
            key: the column's key in the schema file.
            column: the name the column gives itself, if any.
        """
        if self.names_by_table:
            return f"{table}_{column or 'cms_id'}_key"
        # The casing is applied to the column, but not to the constraint that is named after it.
        return f"{table}_{column or key}_unique"


def read_kit(source: Path, config: Path | None) -> Kit:
    """Finds out how drizzle-kit is set up.

    Args:
        source: a file or folder of the application.
        config: drizzle-kit's configuration file; None looks for one of the usual names from the source up.

    Raises:
        Problem: the configuration file cannot be read.
    """
    start = source.resolve()
    above = [start, *start.parents] if start.is_dir() else list(start.parents)
    for i, folder in enumerate(above):
        if (folder / ".git").exists():
            above = above[: i + 1]
            break
    if config is None:
        config = next((folder / name for folder in above for name in _NAMES if (folder / name).is_file()), None)
    else:
        config = config.resolve()
    home = config.parent if config else next((f for f in above if (f / "package.json").is_file()), above[0])
    settings = _settings(config) if config else {}
    # A configuration that says nothing of casing has none; without one, the schema files have to tell.
    casing = settings.get("casing", Casing.NONE.value if config else Casing.UNKNOWN.value)
    return Kit(
        folder=home,
        config=config,
        casing=Casing(casing) if casing in [c.value for c in Casing] else Casing.UNKNOWN,
        out=home / (settings.get("out") or "drizzle"),
        version=_version(home),
    )


def _settings(config: Path) -> dict[str, str]:
    """The settings that are plain strings; one that has to be worked out is there as an empty string."""
    try:
        content = config.read_bytes()
    except OSError as error:
        raise _problem(config, f"cannot be read: {error.strerror}", "make it readable") from error
    if config.suffix == ".json":
        found = _json(content)
        if found is None:
            raise _problem(config, "is not valid JSON", "mend it first")
        return {key: value if isinstance(value, str) else "" for key, value in found.items()}
    file = parse(config, content)
    if file.syntax_error:
        line, column = file.syntax_error
        raise _problem(config, f"is not valid TypeScript at line {line}, column {column}", "mend it first")
    for node in walk(file.root):
        settings = _properties(file, node) if node.type == "object" else {}
        if "dialect" in settings and {"schema", "out"} & settings.keys():
            return settings
    raise _problem(config, "holds no plain object with dialect and schema", "name another one with --config")


def _properties(file: TypeScript, node: Node) -> dict[str, str]:
    found: dict[str, str] = {}
    for child in node.named_children:
        key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
        if child.type == "pair" and key is not None and value is not None:
            found[string_value(key) or text_of(key)] = string_value(value) or ""
        elif child.type == "shorthand_property_identifier":
            found[text_of(child)] = file.strings.get(text_of(child), "")
        elif child.type == "spread_element":
            # What is spread out here may hold a casing, too.
            found.setdefault("casing", "")
    return found


def _problem(config: Path, what: str, do: str) -> Problem:
    return Problem(f"the configuration of drizzle-kit {what}", where=str(config), do=do)


def _version(folder: Path) -> str:
    for above in [folder, *folder.parents]:
        installed = _json_file(above / "node_modules" / "drizzle-kit" / "package.json")
        if installed and isinstance(installed.get("version"), str):
            return str(installed["version"])
        package = _json_file(above / "package.json") or {}
        for group in ("devDependencies", "dependencies"):
            wanted = package.get(group)
            if isinstance(wanted, dict) and isinstance(wanted.get("drizzle-kit"), str):
                return str(wanted["drizzle-kit"])
        if (above / ".git").exists():
            break
    return ""


def _json_file(path: Path) -> dict[str, Any] | None:
    try:
        return _json(path.read_bytes())
    except OSError:
        return None


def _json(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
