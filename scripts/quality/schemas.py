"""The schemas in docs/ of what the commands print as JSON, generated from its types and their docstrings.

`PYTHONPATH=scripts .venv-dev/bin/python -m quality.schemas` writes them. A property that a docstring describes is told in its words.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from mashumaro.jsonschema import build_json_schema

from driver.backup.listing import Overview
from driver.backup.prune import Pruned
from driver.bootstrap import ROOT
from driver.doctor import Diagnosis
from driver.export import ExportDifference
from driver.rehearsal import Rehearsal
from driver.result import Result
from driver.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES: dict[str, Any] = {
    "backups": Overview,
    "diff": ExportDifference,
    "doctor": Diagnosis,
    "prune": Pruned,
    "rehearse": Rehearsal,
    "report": Result,
    "status": Status,
}
"""What `cmsid <name> --format json` prints."""
FOLDER = ROOT / "docs"


def schema(name: str) -> dict[str, Any]:
    """The schema of what a command prints."""
    kind = TYPES[name]
    made = build_json_schema(kind, all_refs=True, with_definitions=True).to_dict()["$defs"]
    classes = {one.__name__: one for one in _dataclasses(kind)}
    kinds = {title: _told(made[title], classes[title]) for title in sorted(made)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"cmsid {name} --format json",
        **kinds.pop(kind.__name__),
        "$defs": kinds,
    }


def text(name: str) -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


def _dataclasses(kind: Any) -> Iterator[Any]:
    """A dataclass and all those in its fields."""
    if is_dataclass(kind):
        yield kind
        for hint in get_type_hints(kind, vars(sys.modules[kind.__module__])).values():
            yield from _dataclasses(hint)
    for part in get_args(kind):
        yield from _dataclasses(part)


def _told(made: dict[str, Any], kind: Any) -> dict[str, Any]:
    """A type's schema with its words: every property is always written, and there is no other."""
    about, _, attributes = (inspect.getdoc(kind) or "").partition("\n\nAttributes:\n")
    words = dict(re.findall(r"^    (\w+): (.*(?:\n     .*)*)", attributes, re.MULTILINE))
    return {
        "description": " ".join(about.split()),
        "type": "object",
        "properties": {
            name: {**({"description": _sentence(words[name])} if name in words else {}), **_bare(part)}
            for name, part in made["properties"].items()
        },
        "required": list(made["properties"]),
        "additionalProperties": False,
    }


def _sentence(words: str) -> str:
    return re.sub(r"\bNone\b", "null", " ".join(words.split()))


def _bare(part: Any) -> Any:
    """A schema without the defaults of its type."""
    if isinstance(part, list):
        return [_bare(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {name: _bare(value) for name, value in part.items() if name not in ("default", "propertyNames", "title")}


if __name__ == "__main__":
    for command in TYPES:
        (FOLDER / f"{command}.schema.json").write_text(text(command), encoding="utf-8", newline="\n")
