"""Undo: takes cms_id away again, and keeps every row, those written since the cut-over included."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from driver.dbt_project import DbtProject


def plan(project: DbtProject, *, force: bool = False) -> str:
    """The SQL that an undo would run, as a script; empty if no core table has cms_id.

    Raises:
        Problem: if dbt could not make it.
    """
    printed: list[str] = []
    _run(project, {"dry_run": True, "force": force}, printed.append)
    return "\n".join(printed)


def undo(project: DbtProject, *, force: bool = False, on_step: Callable[[str], None] | None = None) -> bool:
    """Remove cms_id from every core table that has it, in one transaction.

    Args:
        project: the dbt project.
        force: also where it is then forgotten which rows were created locally, or which CMS id a later row has.
        on_step: called with every step, such as `9 of 27 START drop our views`.
    Returns:
        Whether there was anything to remove.
    Raises:
        Problem: if it was refused, or failed and was rolled back.
    """
    removed = False

    def told(message: str) -> None:
        nonlocal removed
        if STEP.match(message):
            removed = True
            if on_step:
                on_step(message)

    _run(project, {"force": force}, told)
    return removed


STEP = re.compile(r"\d+ of \d+ (START|OK)")


def _run(project: DbtProject, arguments: dict[str, Any], told: Callable[[str], None]) -> None:
    previous = project.on_event

    def listen(event: Any) -> None:
        # what a macro logs or prints: dbt has one event type for each
        if event.info.name in ("JinjaLogInfo", "JinjaLogDebug", "PrintEvent"):
            told(event.info.msg)
        if previous:
            previous(event)

    project.on_event = listen
    try:
        result = project.invoke("run-operation", "drop_cms_id", "--args", json.dumps(arguments))
    finally:
        project.on_event = previous
    if not result.success:
        raise Problem("cms_id was not removed", do=_reason(result))


def _reason(result: Any) -> str:
    """What the macro or the server said, in one line."""
    messages = [str(result.exception)] if result.exception else []
    messages += [str(entry.message) for entry in getattr(result.result, "results", []) or [] if entry.message]
    text = "\n".join(messages)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith((">", "CONTEXT:", "PL/pgSQL", "compiled code at"))]
    telling = [line for line in telling if not re.match(r"(Compilation|Database|Runtime) Error( in macro .*)?$", line)]
    reason = " ".join(telling) or "dbt did not say why; see logs/dbt.log"
    return reason.removeprefix("drop_cms_id: ").rstrip(".")
