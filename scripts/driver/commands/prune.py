"""`cmsid prune`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click
from click.core import ParameterSource

from driver.options import WholeNumber, as_given, ask, directory_option, format_option, print_json, yes_option


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
@format_option
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
    kind: str,
) -> None:
    """Remove old backups, or the databases that restores replaced.

    Only verified backups count, and their files are read again first. The newest N of them stay, with everything newer,
    and so does the backup behind an open migration. What interrupted work left behind goes, scratch databases
    of test restores included. With --replaced, each DATABASE goes that restores of this one replaced; none without a
    record of that, unless it is named. As JSON it asks nothing: without --yes it only says what would go.

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
        found, chosen = work.plan_replaced(connection, databases, directory, force=force)
        decisions = [work.Decision(copy.name, copy.name in chosen, copy.remark) for copy in found]
        carry_out = partial(work.drop_replaced, connection, chosen, directory, force=force)
    else:
        decided = work.plan(connection, keep=keep, directory=directory)
        decisions = decided.decisions
        carry_out = partial(work.carry_out, connection, decided)
    count = sum(decision.goes for decision in decisions)
    if kind == "text":
        for decision in decisions:
            click.echo(f"{'goes ' if decision.goes else 'stays'}  {decision.name}  {decision.remark}".rstrip())
        if not count:
            click.echo(
                "There is no database that a restore of this one replaced." if replaced else "Nothing to remove."
            )
            return
        ask(f"{'Drop' if replaced else 'Remove'} them for ever?", yes=yes)
    done = bool(count) and (yes or kind == "text")
    if done:
        carry_out()
    if kind == "json":
        print_json(work.Pruned(decisions, done, None if done or not count else f"{as_given(context)} --yes"))
    else:
        click.echo(f"{'Dropped' if replaced else 'Removed'}: {count}.")
