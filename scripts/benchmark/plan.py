"""The migration's plan as the project prints it: what is measured is what would run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.stage import Stage


def printed_plan(stage: Stage, mode: str) -> list[tuple[str, str]]:
    """The plan for the clone that stands, as (label, statement)."""
    script = stage.dbt("--quiet", "run-operation", "add_cms_id", "--args", f"{{dry_run: true, mode: {mode}}}")
    parts = re.split(r"^-- \d+ of \d+: (.*)$", script, flags=re.MULTILINE)
    if not parts[1:]:
        raise RuntimeError(f"dbt printed no plan for {mode} mode")
    return list(zip(parts[1::2], parts[2::2], strict=True))
