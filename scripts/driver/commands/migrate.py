"""`cmsid run`, `pause`, `resume`, `pace` and `undo`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import click

from driver.options import WholeNumber, ask, prepared_command, yes_option

if TYPE_CHECKING:
    from driver.control import Action


def _time(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value and not re.fullmatch("[1-9][0-9]*(ms|s|min|h)", value):
        raise click.BadParameter(f"{value!r} is no time such as 120s or 10min")
    return value


@prepared_command()
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
    from driver.report.show import run_in_terminal
    from driver.run import Options

    options = Options(
        mode=mode,
        budget=budget,
        on_failure=on_failure,
        validation=validation,
        with_values=with_values,
        test_restore=not without_test_restore,
    )
    return run_in_terminal(profile.load(), options)


why_option = click.option("--why", default="", metavar="TEXT", help="The reason, for whoever reads `status`.")


@prepared_command()
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


@prepared_command()
@why_option
def resume(why: str) -> None:
    """Let a paused online migration go on: lifts every pause, and says whose they were.

    \b
    Example:
      scripts/cmsid resume

    Exit code: 0, also where nothing is paused; 1 where no online migration is under way.
    """
    _ask("resume", why)


@prepared_command()
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


@prepared_command()
@click.option("--dry-run", is_flag=True, help="Print the SQL that would run, and change nothing.")
@click.option(
    "--force",
    is_flag=True,
    help="Also where that forgets which rows are local, or a CMS id of their own, or no migration of ours made cms_id.",
)
@yes_option
def undo(*, dry_run: bool, force: bool, yes: bool) -> None:
    """Remove cms_id from the core tables again.

    One transaction, proven before it commits: every row keeps every other column, rows written since the cut-over
    included, and nothing else in the database changes. It is the first step back; `restore`, which loses what was
    written since, is the last. Rows created locally or imported since are known by cms_id alone: where there are any
    it refuses, and --force forgets that. So it does where no migration in our log made cms_id.

    \b
    Examples:
      scripts/cmsid undo --dry-run
      scripts/cmsid undo
      scripts/cmsid undo --force --yes
    """
    from driver import profile
    from driver.backup.session import pinned
    from driver.dbt_project import DbtProject
    from driver.dbt_step import undo as take_away
    from driver.ledger import watched
    from driver.result import lock_sentence

    connection = profile.load()
    pinned(connection).close()  # a server that cannot be used is told of in the words that every command has for it
    # Named, because dbt would look for a profile in the folder that the user happens to be in, and then in ~/.dbt.
    project = DbtProject(profiles_dir=connection.profiles_dir, target=connection.target or None)
    if dry_run:
        click.echo(take_away(project, force=force, dry_run=True) or "No core table has cms_id; nothing to do.")
        return
    ask("Remove cms_id from all core tables?", yes=yes)
    with watched(connection) as locks:
        undone = take_away(project, force=force, on_step=click.echo)
    if undone:
        if sentence := lock_sentence(locks):
            click.echo(sentence)
        click.echo("Undone. To add cms_id again: scripts/cmsid run.")
    else:
        click.echo("No core table has cms_id; nothing to do.")
