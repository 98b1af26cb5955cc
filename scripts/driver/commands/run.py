"""`cmsid run`."""

from __future__ import annotations

import re
from typing import Literal

import click


def _time(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value and not re.fullmatch("[1-9][0-9]*(ms|s|min|h)", value):
        raise click.BadParameter(f"{value!r} is no time such as 120s or 10min")
    return value


@click.command()
@click.option(
    "--mode",
    type=click.Choice(["window", "online"]),
    help="window: one transaction under lock. online: short locks only.",
)
@click.option(
    "--budget",
    metavar="TIME",
    callback=_time,
    help="Window mode: lock the tables so long at most, as 120s; else roll back.",
)
@click.option(
    "--on-failure",
    type=click.Choice(["stop", "restore"]),
    default="stop",
    show_default=True,
    help="What to do when the validation finds a difference: stop and tell, or restore the backup that this run took.",
)
@click.option(
    "--validation",
    type=click.Choice(["cutover", "ongoing"]),
    help="cutover: nothing may differ. ongoing: later rows may come and go. Default: ongoing if there are local rows.",
)
@click.option(
    "--without-test-restore",
    is_flag=True,
    help="For roles that cannot restore beside the live database: the backup is taken, and not proven to restore.",
)
@click.option(
    "--with-values", is_flag=True, help="Let the report show values of failing rows, names and marks included."
)
def run(
    mode: Literal["window", "online"] | None,
    budget: str | None,
    on_failure: Literal["stop", "restore"],
    validation: str | None,
    *,
    with_values: bool,
    without_test_restore: bool,
) -> int:
    """Do the whole procedure: doctor, backup, baseline, migration, validation, report.

    Stops at the first failure and says what the database holds and what to do. Does only what is still to do: on a
    registry that is migrated already it validates, and an online migration that was interrupted goes on.

    \b
    Examples:
      scripts/cmsid run
      scripts/cmsid run --mode online
      scripts/cmsid run --budget 120s
      scripts/cmsid run --on-failure restore

    Exit code: 0 if every line of the checklist passed, else 1.
    """
    from driver import profile
    from driver.run import Options
    from driver.run_in_terminal import run_in_terminal

    options = Options(
        mode=mode,
        budget=budget,
        on_failure=on_failure,
        validation=validation,
        with_values=with_values,
        test_restore=not without_test_restore,
    )
    return run_in_terminal(profile.load(), options)
