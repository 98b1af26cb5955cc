"""Undo: takes cms_id away again, and keeps every row, those written since the cut-over included."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from driver.dbt_project import PACKAGE
from driver.dbt_step import DbtStep
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from driver.dbt_project import DbtProject

NOTHING_TO_DO = "nothing to do"


def plan(project: DbtProject, *, force: bool = False) -> str:
    """The SQL that an undo would run, as a script; empty if no core table has cms_id.

    Raises:
        Problem: if dbt could not make it.
    """
    step = _Steps()
    result = step.invoke(project, *_command(dry_run=True, force=force))
    if not result.success:
        raise Problem("the undo could not be planned", do=step.why(result))
    return "\n".join(step.printed)


def undo(project: DbtProject, *, force: bool = False, on_step: Callable[[str], None] | None = None) -> bool:
    """Remove cms_id from every core table that has it, in one transaction; a half-done online migration with it.

    Args:
        project: the dbt project.
        force: also where it is then forgotten which rows were created locally, or which CMS id a later row has, and where
            no migration in the log made cms_id.
        on_step: called with every step, such as `9 of 27 START drop our views`.

    Returns:
        whether there was anything to remove.

    Raises:
        Problem: if it was refused, or failed and was rolled back.
    """
    step = _Steps(on_step=on_step)
    result = step.invoke(project, *_command(dry_run=False, force=force))
    if not result.success:
        raise Problem("cms_id was not removed", do=step.why(result))
    return step.did_something


def _command(*, dry_run: bool, force: bool) -> list[str]:
    return ["run-operation", f"{PACKAGE}.drop_cms_id", "--args", json.dumps({"dry_run": dry_run, "force": force})]


@dataclass
class _Steps(DbtStep):
    """Hears what the macros say."""

    on_step: Callable[[str], None] | None = None
    did_something: bool = True
    printed: list[str] = field(default_factory=list)

    def why(self, result: Any) -> str:
        """The reason of a failure, as the end of a sentence."""
        return super().why(result).removeprefix("drop_cms_id: ").rstrip(".")

    def _on_event(self, event: Any) -> None:
        if event.info.name == "PrintEvent":
            self.printed.append(event.info.msg)
        super()._on_event(event)

    def _on_message(self, message: str) -> None:
        super()._on_message(message)
        if message.endswith(NOTHING_TO_DO):
            self.did_something = False
        elif self.on_step:
            self.on_step(message)
