"""The script that `add_cms_id` prints in a dry run, taken apart again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.registry import NO_BACKUP

if TYPE_CHECKING:
    from support.registry import Registry

DRY_RUN = ("--quiet", "run-operation", "add_cms_id", "--args", "{dry_run: true}")
_HEAD = re.compile(r"^-- (\d+) of (\d+): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """One statement of a plan.

    Attributes:
        label: what it is for.
        sql: its text, without the closing semicolon.
    """

    label: str
    sql: str


def script_of(printed: str) -> str:
    """The script in what dbt printed: from the first comment to the last statement's semicolon."""
    lines = printed.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("-- "))
    last = max(number for number, line in enumerate(lines) if line.endswith(";"))
    return "\n".join(lines[first : last + 1]) + "\n"


def steps_of(script: str) -> list[Step]:
    """A script's statements; a step that is missing or out of order is an error."""
    heads = list(_HEAD.finditer(script))
    assert [int(head[1]) for head in heads] == list(range(1, len(heads) + 1)), "steps are not numbered from 1"
    assert {int(head[2]) for head in heads} == {len(heads)}, "the script is not whole"
    ends = [*(head.start() for head in heads[1:]), len(script)]
    return [
        Step(head[3], script[head.end() : end].strip().removesuffix(";")) for head, end in zip(heads, ends, strict=True)
    ]


def plan_of(registry: Registry, variables: dict[str, Any] | None = None) -> list[Step]:
    """The statements of the migration, as a dry run prints them."""
    return steps_of(script_of(registry.dbt_ok(*DRY_RUN, variables=variables or NO_BACKUP).output))
