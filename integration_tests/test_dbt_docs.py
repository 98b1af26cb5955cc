"""The site that `dbt docs generate` makes: complete, and with a first page of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.registry import NO_BACKUP

if TYPE_CHECKING:
    from support.registry import Registry

PROJECT = "cms_id_tracking"


def _ours(artifact: dict[str, Any], *kinds: str) -> dict[str, dict[str, Any]]:
    """The entries of our own project; packages, and hooks, which dbt can not describe, are left out."""
    entries = {key: entry for kind in kinds for key, entry in artifact[kind].items()}
    return {
        key: entry
        for key, entry in entries.items()
        if key.split(".")[1] == PROJECT and not key.startswith("operation.")
    }


@pytest.mark.thorough
def test_everything_in_the_site_is_described(migrated_registry: Registry) -> None:
    migrated_registry.dbt_ok("run", variables=NO_BACKUP)
    run = migrated_registry.dbt_ok("docs", "generate", variables=NO_BACKUP)
    manifest = json.loads((run.target_path / "manifest.json").read_text("utf-8"))
    catalog = json.loads((run.target_path / "catalog.json").read_text("utf-8"))

    # of the macros those that people call: of all others test_docs.py wants a comment
    called = {
        key: entry
        for key, entry in _ours(manifest, "macros").items()
        if entry["original_file_path"].startswith("macros/commands/") or entry["name"] in {"origin", "origin_view"}
    }
    described = _ours(manifest, "nodes", "sources") | called
    assert {"add_cms_id", "drop_cms_id", "abandon_cms_id", "origin", "origin_view"} <= {
        e["name"] for e in called.values()
    }
    assert [key for key, entry in described.items() if not entry["description"]] == []
    assert [
        f"{key}: {argument['name']}"
        for key, entry in called.items()
        for argument in entry["arguments"]
        if not argument["description"]
    ] == []

    found = _ours(catalog, "nodes", "sources")
    assert {key.split(".")[0] for key in found} == {"model", "snapshot", "source"}
    assert [
        f"{key}: {column}"
        for key, entry in found.items()
        for column in entry["columns"]
        if not described[key]["columns"].get(column, {}).get("description")
    ] == []

    assert f"doc.{PROJECT}.__overview__" in manifest["docs"]
