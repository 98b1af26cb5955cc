"""`cmsid pause`, `cmsid resume` and `cmsid pace`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from driver.options import WholeNumber

if TYPE_CHECKING:
    from driver.control import Action

why_option = click.option("--why", default="", metavar="TEXT", help="The reason, for whoever reads `status`.")


@click.command()
@why_option
def pause(why: str) -> None:
    """Pause an online migration, until somebody resumes it.

    Filling stops within a second; an index or a constraint is finished first. Then nothing is locked. A pause outlives a
    restart of the migration and of the server. `undo` ends it with the migration.

    \b
    Examples:
      scripts/cmsid pause
      scripts/cmsid pause --why "the nightly import"

    Exit code: 0, or 1 where no online migration is under way.
    """
    _ask("pause", why)


@click.command()
@why_option
def resume(why: str) -> None:
    """Let a paused online migration go on: lifts every pause, and says whose they were.

    \b
    Example:
      scripts/cmsid resume

    Exit code: 0, also where nothing is paused; 1 where no online migration is under way.
    """
    _ask("resume", why)


@click.command()
@click.argument("rows_per_second", type=WholeNumber(0, 2**31 - 1))
@why_option
def pace(rows_per_second: int, why: str) -> None:
    """Have an online migration fill at most so many rows in a second; 0 for no limit.

    It holds in place of the var rows_per_second, from the next batch to the end of the migration.

    \b
    Examples:
      scripts/cmsid pace 20000
      scripts/cmsid pace 0

    Exit code: 0, or 1 where no online migration is under way.
    """
    _ask("pace", why, rows_per_second)


def _ask(action: Action, why: str, rows_per_second: int | None = None) -> None:
    from driver import control, profile

    for line in control.ask(profile.load(), action, why=why, rows_per_second=rows_per_second):
        click.echo(line)
