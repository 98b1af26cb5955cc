"""Undo: takes cms_id away again, and keeps every row, those written since the cut-over included."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from driver.dbt_project import PACKAGE
from driver.dbt_step import DbtStep
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from driver.dbt_project import DbtProject

NOTHING_TO_DO = "nothing to do"


def plan(project: DbtProject, *, force: bool = False) -> str:
    """The SQL that an undo would run, as a script; empty if no core table has cms_id."""
    step = DbtStep()
    _run(step, project, "the undo could not be planned", dry_run=True, force=force)
    return "\n".join(step.printed)


def undo(project: DbtProject, *, force: bool = False, on_step: Callable[[str], None] = lambda _: None) -> bool:
    """Remove cms_id from every core table that has it, in one transaction; a half-done online migration with it.

    By force also where it is then forgotten which rows were created locally, or which CMS id a later row has, and where no
    migration in the log made cms_id. Each step is told, as `9 of 27 START drop our views`.

    Returns:
        whether there was anything to remove.

    Raises:
        Problem: if it was refused, or failed and was rolled back.
    """
    did_something = True

    def hear(message: str) -> None:
        nonlocal did_something
        if message.endswith(NOTHING_TO_DO):
            did_something = False
        else:
            on_step(message)

    _run(DbtStep(on_message=hear), project, "cms_id was not removed", dry_run=False, force=force)
    return did_something


def _run(step: DbtStep, project: DbtProject, failure: str, *, dry_run: bool, force: bool) -> None:
    arguments = json.dumps({"dry_run": dry_run, "force": force})
    result = step.invoke(project, "run-operation", f"{PACKAGE}.drop_cms_id", "--args", arguments)
    if not result.success:
        raise Problem(failure, do=step.why(result).removeprefix("drop_cms_id: ").rstrip("."))
