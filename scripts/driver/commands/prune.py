"""`cmsid prune`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--keep", type=click.IntRange(1), default=3, show_default=True, metavar="N", help="How many verified backups stay."
)
@click.option(
    "--replaced", is_flag=True, help="Drop the databases that restores replaced, instead of removing backups."
)
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The folder of all backups; default $CMSID_BACKUPS, or backup_db in the project.",
)
def prune(*, keep: int, replaced: bool, yes: bool, directory: Path | None) -> None:
    """Remove old backups, or the databases that restores replaced.

    Only verified backups count, and their files are read again first. The newest N of them stay, with everything newer,
    and so does the backup behind an open migration. What interrupted work left behind goes.

    \b
    Examples:
      scripts/cmsid prune --keep 5
      scripts/cmsid prune --replaced
    """
    from driver import profile
    from driver.backup import prune as work

    connection = profile.load()
    if replaced:
        found = work.replaced_databases(connection)
        if not found:
            click.echo("There is no database that a restore replaced.")
            return
        for name, size in found:
            click.echo(f"{name}  {size / 1e6:,.0f} MB")
        if not yes:
            click.confirm("Drop them for ever?", abort=True)
        work.drop_replaced(connection, [name for name, _ in found], directory)
        click.echo(f"Dropped: {len(found)}.")
        return
    decided = work.plan(connection, keep=keep, directory=directory)
    for backup_id, reason in decided.kept:
        click.echo(f"stays  {backup_id}  {reason}")
    for path in decided.removed:
        click.echo(f"goes   {path.name}")
    for path in decided.left_over:
        click.echo(f"goes   {path.name}  left over from interrupted work")
    if not (decided.removed or decided.left_over):
        click.echo("Nothing to remove.")
        return
    if not yes:
        click.confirm("Remove them for ever?", abort=True)
    work.carry_out(connection, decided)
    click.echo(f"Removed: {len(decided.removed) + len(decided.left_over)}.")
