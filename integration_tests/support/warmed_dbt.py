"""dbt that has read a parsed project once: what it builds in memory for that, forks inherit and need not build again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dbt.cli.main import dbtRunner
from dbt_common.clients.jinja import template_cache

from support.fork_for_command import become

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbt.contracts.graph.manifest import Manifest


def warm(arguments: Sequence[str], environment: Mapping[str, str], folder: str) -> None:
    """Read a project in this process. Whether it can be parsed is for those to find out who ask for more.

    Args:
        arguments: of dbt's `parse`.
        environment: whole, for as long as it takes.
        folder: to be in meanwhile.
    """
    own, here = dict(os.environ), os.getcwd()  # noqa: PTH109  a string will do
    try:
        become(environment, folder)
        # A fork parses: dbt's parser has threads of its own, for which the forks of a process that used it wait for ever.
        child = os.fork()
        if child == 0:
            os._exit(0 if _parse(arguments) else 1)
        if os.waitpid(child, 0)[1] == 0 and (manifest := _parse(arguments)):
            for macro in manifest.macros.values():
                template_cache.get_node_template(macro)
    finally:
        become(own, here)


def _parse(arguments: Sequence[str]) -> Manifest | None:
    """Parse what has changed since the last time, in silence: standard output may be where answers go."""
    return dbtRunner().invoke(["parse", "--quiet", "--log-level", "none", *arguments]).result  # type: ignore[return-value]
