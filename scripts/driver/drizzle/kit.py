"""How an application has set up drizzle-kit: its configuration file, its version, and how it names columns."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from driver.drizzle.typescript import TypeScript, part, string_value, text_of, walk
from driver.errors import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from tree_sitter import Node

_NAMES = [f"drizzle.config.{suffix}" for suffix in ("ts", "mts", "cts", "js", "mjs", "cjs", "json")]
_WORD = re.compile(r"[a-z0-9]+|[A-Z]+(?![a-z])|[A-Z][a-z0-9]+")


class Casing(Enum):
    """What happens to the key of a column that is given no name of its own."""

    NONE = "none"
    SNAKE = "snake_case"
    CAMEL = "camelCase"
    UNKNOWN = "unknown"

    def column_name(self, key: str) -> str | None:
        """The column's name for a key, `cmsId` say; None where the casing is not known and would make a difference."""
        if self is Casing.NONE:
            return key
        words = _WORD.findall(key.replace("'", ""))
        snake = "_".join(words).lower()
        if self is Casing.SNAKE:
            return snake
        if self is Casing.CAMEL:
            return "".join(words[:1]).lower() + "".join(word[:1].upper() + word[1:] for word in words[1:])
        return key if key == snake else None


def is_multi_word(key: str) -> bool:
    """Whether a casing would make a difference to the key."""
    return Casing.SNAKE.column_name(key) != key or "_" in key


@dataclass(frozen=True)
class Kit:
    """What of drizzle-kit's set-up decides about names and places."""

    folder: Path
    """The application's own folder: where its configuration is, else the nearest package.json."""
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
        """The name drizzle-kit gives a unique constraint that is not given one, by the column's key or its own name, if any."""
        if self.names_by_table:
            return f"{table}_{column or 'cms_id'}_key"
        # The casing is applied to the column, but not to the constraint that is named after it.
        return f"{table}_{column or key}_unique"


def read_kit(source: Path, config: Path | None) -> Kit:
    """Finds out how drizzle-kit is set up, by its configuration, looked for from the source up unless it is named."""
    start = source.resolve()
    above = _up_to_the_repository(start if start.is_dir() else start.parent)
    usual = (folder / name for folder in above for name in _NAMES)
    config = config.resolve() if config else next(filter(lambda path: path.is_file(), usual), None)
    home = config.parent if config else next((f for f in above if (f / "package.json").is_file()), above[0])
    settings = _settings(config) if config else {}
    # A configuration that says nothing of casing has none; without one, the schema files have to show it.
    casing = settings.get("casing", Casing.NONE.value if config else Casing.UNKNOWN.value)
    return Kit(
        folder=home,
        casing=Casing(casing) if casing in [c.value for c in Casing] else Casing.UNKNOWN,
        out=home / (settings.get("out") or "drizzle"),
        version=_version(home),
    )


def _up_to_the_repository(folder: Path) -> list[Path]:
    above = [folder, *folder.parents]
    return above[: next((i + 1 for i, one in enumerate(above) if (one / ".git").exists()), None)]


def _settings(config: Path) -> dict[str, str]:
    """The settings that are plain strings; one that has to be worked out is there as an empty string."""
    try:
        content = config.read_bytes()
    except OSError as error:
        raise _problem(config, f"cannot be read: {error.strerror}", "make it readable") from error
    kind = "JSON" if config.suffix == ".json" else "TypeScript"
    file = TypeScript(
        config, b"(\n%s)" % content if kind == "JSON" else content
    )  # as it stands, its braces are a block's
    if file.syntax_error:
        line, column = file.syntax_error
        line -= kind == "JSON"
        raise _problem(config, f"is not valid {kind} at line {line}, column {column}", "mend it first")
    for node in walk(file.root):
        settings = _properties(file, node) if node.type == "object" else {}
        if "dialect" in settings and {"schema", "out"} & settings.keys():
            return settings
    raise _problem(config, "holds no plain object with dialect and schema", "name another one with --config")


def _properties(file: TypeScript, node: Node) -> dict[str, str]:
    found: dict[str, str] = {}
    for child in node.named_children:
        key = part(child, "key")
        if child.type == "pair":
            found[string_value(key) or text_of(key)] = string_value(part(child, "value")) or ""
        elif child.type == "shorthand_property_identifier":
            found[text_of(child)] = string_value(file.values.get(text_of(child))) or ""
        elif child.type == "spread_element":
            # What is spread out here may hold a casing, too.
            found.setdefault("casing", "")
    return found


def _problem(config: Path, what: str, do: str) -> Problem:
    return Problem(f"the configuration of drizzle-kit {what}", where=str(config), do=do)


def _version(folder: Path) -> str:
    for above in _up_to_the_repository(folder):
        package = _json(above / "package.json")
        wanted = [package.get("devDependencies"), package.get("dependencies")]
        versions = [_json(above / "node_modules" / "drizzle-kit" / "package.json").get("version")]
        versions += [group.get("drizzle-kit") for group in wanted if isinstance(group, dict)]
        for version in versions:
            if isinstance(version, str):
                return version
    return ""


def _json(path: Path) -> dict[str, Any]:
    """What a file holds, where it is there and an object."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
