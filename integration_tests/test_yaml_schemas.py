"""Our YAML keeps to the schemas that dbt ships: on PostgreSQL, dbt itself lets a misspelt key pass without a word."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dbt.jsonschemas
import jsonschema
import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
SCHEMAS = Path(next(iter(dbt.jsonschemas.__path__)))
FOLDERS = ("models", "macros", "snapshots", "tests", "docs", "offline_packages")
FILES = sorted(
    path.relative_to(ROOT)
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.yml")
    if path.name != "packages.yml"
)
PROJECTS = [Path("dbt_project.yml"), *(path for path in FILES if path.name == "dbt_project.yml")]
OWN_MATERIALIZATIONS = ["view_in_place"]
PROPERTIES = [path for path in FILES if path not in PROJECTS]


def validator(kind: str) -> jsonschema.Draft7Validator:
    """The newest schema of a kind of file."""

    def age(path: Path) -> tuple[float, ...]:
        return (float("inf"),) if path.stem == "latest" else tuple(map(float, path.stem.split(".")))

    newest = max((SCHEMAS / kind).glob("*.json"), key=age)
    return jsonschema.Draft7Validator(json.loads(newest.read_text()))


def faults(kind: str, content: Any) -> Iterator[str]:
    """Every fault, with the innermost reason that the validator knows."""
    for error in validator(kind).iter_errors(_without_templates(content)):
        deepest = error
        while deepest.context:
            deepest = max(deepest.context, key=lambda inner: len(inner.absolute_path))
        yield f"{'.'.join(map(str, deepest.absolute_path))}: {deepest.message}"


def _without_templates(value: Any) -> Any:
    """The content without what the schemas cannot know: what a template renders to, and a materialization of our own."""
    if isinstance(value, dict):
        return {
            key: _without_templates(inner)
            for key, inner in value.items()
            if not (key == "enabled" and isinstance(inner, str) and inner.startswith("{{"))
            and not (key == "+materialized" and inner in OWN_MATERIALIZATIONS)
        }
    return [_without_templates(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", PROPERTIES, ids=str)
def test_properties(path: Path) -> None:
    assert not list(faults("resources", yaml.safe_load((ROOT / path).read_text())))


@pytest.mark.parametrize("path", PROJECTS, ids=str)
def test_project(path: Path) -> None:
    assert not list(faults("project", yaml.safe_load((ROOT / path).read_text())))


@pytest.mark.thorough
def test_schemas_of_the_newest_dbt(newest_dbt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [str(newest_dbt / "python"), "-c", "import dbt.jsonschemas; print(*dbt.jsonschemas.__path__)"]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    assert Path(found) != SCHEMAS
    monkeypatch.setitem(globals(), "SCHEMAS", Path(found))
    for path in FILES:
        kind = "project" if path in PROJECTS else "resources"
        assert not list(faults(kind, yaml.safe_load((ROOT / path).read_text()))), path


def test_misspelt_keys_are_found() -> None:
    assert list(faults("resources", {"version": 2, "models": [{"name": "a", "descripton": "b"}]}))
    assert list(faults("project", {"name": "a", "profil": "b"}))
