"""`cmsid prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from driver.options import WholeNumber, ask, directory_option, yes_option

if TYPE_CHECKING:
    from pathlib import Path

    from driver.profile import Connection


@click.command()
@click.argument("databases", nargs=-1, metavar="[DATABASE]...")
@click.option(
    "--keep", type=WholeNumber(1), default=3, show_default=True, metavar="N", help="How many verified backups stay."
)
@click.option(
    "--replaced", is_flag=True, help="Drop the databases that restores replaced, instead of removing backups."
)
@click.option("--force", is_flag=True, help="With --replaced: also a DATABASE of unknown origin, named in full.")
@yes_option
@directory_option
@click.pass_context
def prune(
    context: click.Context,
    *,
    databases: tuple[str, ...],
    keep: int,
    replaced: bool,
    force: bool,
    yes: bool,
    directory: Path | None,
) -> None:
    """Remove old backups, or the databases that restores replaced.

    Only verified backups count, and their files are read again first. The newest N of them stay, with everything newer,
    and so does the backup behind an open migration. What interrupted work left behind goes, scratch databases
    of test restores included. With --replaced, each DATABASE goes that restores of this one replaced; none without a
    record of that, unless it is named.

    \b
    Examples:
      scripts/cmsid prune --keep 5
      scripts/cmsid prune --replaced
    """
    from driver import profile
    from driver.backup import prune as work

    if replaced and context.get_parameter_source("keep") is not ParameterSource.DEFAULT:
        raise click.UsageError("--keep is for backups: it does not go with --replaced, which drops all it finds.")
    if (databases and not replaced) or (force and not databases):
        raise click.UsageError("--force goes with the name of a DATABASE, and that with --replaced.")
    connection = profile.load()
    if replaced:
        _drop_replaced(connection, databases, directory, force=force, yes=yes)
        return
    decided = work.plan(connection, keep=keep, directory=directory)
    for backup_id, reason in decided.kept:
        click.echo(f"stays  {backup_id}  {reason}")
    for path in decided.removed:
        click.echo(f"goes   {path.name}")
    for path in decided.left_over:
        click.echo(f"goes   {path.name}  left over from interrupted work")
    for name in decided.scratch:
        click.echo(f"goes   {name}  a copy left over from a test restore")
    count = len(decided.removed) + len(decided.left_over) + len(decided.scratch)
    if not count:
        click.echo("Nothing to remove.")
        return
    ask("Remove them for ever?", yes=yes)
    work.carry_out(connection, decided)
    click.echo(f"Removed: {count}.")


def _drop_replaced(
    connection: Connection, named: tuple[str, ...], directory: Path | None, *, force: bool, yes: bool
) -> None:
    from driver.backup import prune as work
    from driver.wording import size

    found, chosen = work.plan_replaced(connection, named, directory, force=force)
    for copy in found:
        unknown = "" if copy.own else "  of unknown origin"
        click.echo(f"{'goes ' if copy.name in chosen else 'stays'}  {copy.name}  {size(copy.size)}{unknown}")
    if not chosen:
        click.echo("There is no database that a restore of this one replaced.")
        return
    ask("Drop them for ever?", yes=yes)
    work.drop_replaced(connection, chosen, directory, force=force)
    click.echo(f"Dropped: {len(chosen)}.")
