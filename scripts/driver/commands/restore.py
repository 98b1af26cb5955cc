"""`cmsid restore`."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

import click

from driver.options import ask, directory_option, jobs_option, yes_option

if TYPE_CHECKING:
    from pathlib import Path

    from driver.backup.journal import Restored


@click.command()
@click.argument("backup", required=False)
@yes_option
@click.option(
    "--in-place", is_flag=True, help="Within the database, in one transaction: for roles that may not create databases."
)
@jobs_option
@click.option(
    "--from-elsewhere", is_flag=True, help="Accept a backup of another server or of a database of another name."
)
@click.option("--abandon", is_flag=True, help="Give up an interrupted restore: back to the original, open again.")
@click.option("--put-back", metavar="DATABASE", help="Put a database that a restore replaced back in its place.")
@click.option("--force", is_flag=True, help="With --put-back: also a database of unknown origin, named in full.")
@directory_option
def restore(
    *,
    backup: str | None,
    yes: bool,
    in_place: bool,
    jobs: int | None,
    from_elsewhere: bool,
    abandon: bool,
    put_back: str | None,
    force: bool,
    directory: Path | None,
) -> None:
    """Restore BACKUP (default: the newest) and keep the database it replaces.

    The backup is checked, restored beside the live database, compared with its manifest, and then takes the live one's
    place in one step. What it replaces stays on the server under a name that says when. After an interruption the same
    command goes on; `status` says what stands where.

    \b
    Examples:
      scripts/cmsid restore
      scripts/cmsid restore 20261123T081500Z-registry --yes
      scripts/cmsid restore --abandon
    """
    from driver import profile
    from driver.backup import journal, store
    from driver.backup import restore as work
    from driver.backup.situation import describe
    from driver.progress import Bars

    if sum((abandon, bool(put_back), bool(backup))) > 1:
        raise click.UsageError("Give only one of BACKUP, --abandon and --put-back.")
    if (abandon or put_back) and (in_place or from_elsewhere or jobs):
        raise click.UsageError("--in-place, --from-elsewhere and --jobs do not go with --abandon or --put-back.")
    if force and not put_back:
        raise click.UsageError("--force goes with --put-back.")
    connection = profile.load()
    folder = store.folder_of(connection, directory)
    unfinished = journal.unfinished(folder)
    if abandon:
        click.echo(work.abandon(connection, directory=directory))
        return
    if unfinished:
        if backup not in (None, unfinished.backup_id) or put_back:
            raise work.unfinished_problem(unfinished)
        click.echo("\n".join(describe(connection, directory)))
        ask("Go on?", yes=yes)
        with Bars() as bars:
            restored = work.resume(connection, jobs=jobs, directory=directory, progress=bars)
    elif put_back:
        work.check_put_back(connection, put_back, force=force, directory=directory)
        click.echo(
            f"{put_back} takes the place of {connection.dbname}, which is kept. Who is connected is disconnected."
        )
        ask("Put it back?", yes=yes)
        restored = work.put_back(connection, put_back, force=force, directory=directory)
    else:
        chosen = store.find(connection, backup, directory)
        told = work.plan(connection, chosen, in_place=in_place, from_elsewhere=from_elsewhere)
        click.echo("\n".join(told))
        ask("Restore?", yes=yes)
        with Bars() as bars:
            restored = work.restore(
                connection,
                chosen,
                jobs=jobs,
                in_place=in_place,
                from_elsewhere=from_elsewhere,
                directory=directory,
                progress=bars,
            )
    _tell(restored, directory)


def _tell(restored: Restored, directory: Path | None) -> None:
    click.echo(
        f"{restored.database} is {restored.backup_id} now"
        + (f", {restored.tables} tables identical." if restored.tables else ".")
    )
    for line in restored.apart:
        click.echo(f"{line}.")
    if restored.students is not None:
        click.echo(f"SELECT COUNT(*) FROM students: {restored.students}")  # noqa: S608 - words, not a query
    if restored.replaced:
        click.echo(f"What it replaced is the database {restored.replaced}:")
        # The record of whose it is lies there.
        there = f" --directory {quote(str(directory))}" if directory else ""
        click.echo(f"    back to it:  scripts/cmsid restore --put-back {quote(restored.replaced)}{there}")
        click.echo(f"    drop it:     scripts/cmsid prune --replaced{there}")
    if restored.safety_backup:
        click.echo(f"What it replaced is the backup {restored.safety_backup}.")
    if restored.left:
        click.echo("This role may not set everything; have a superuser run:")
        for statement in restored.left:
            click.echo(f"    {statement}")
