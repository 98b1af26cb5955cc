"""`cmsid backup`, `backups`, `prune` and `restore`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from driver.options import (
    WholeNumber,
    as_given,
    ask,
    directory_option,
    format_option,
    jobs_option,
    prepared_command,
    print_json,
    yes_option,
)

if TYPE_CHECKING:
    from driver.backup.journal import Restored


@prepared_command()
@jobs_option
@click.option("--verify", is_flag=True, help="Restore the backup into a scratch database and compare every table.")
@click.option(
    "--on",
    default="here",
    show_default=True,
    metavar="embedded|here|SERVICE",
    help="Where --verify restores: a temporary server of this machine, this one, or an entry of your pg_service.conf.",
)
@click.option("--purpose", default="", metavar="TEXT", help="What the backup is for; `backups` shows it.")
@directory_option
def backup(*, jobs: int | None, verify: bool, on: str, purpose: str, directory: Path | None) -> None:
    """Back up the database: dump, row counts and fingerprints of every table, all of one moment.

    The application may go on meanwhile. With --verify the backup is restored into a scratch database, compared with
    what was read at that moment, table by table and object by object, and only then called verified. The backup is
    listed in the audit schema, where the migration looks for it. A role that may not create databases has it restored
    elsewhere, by --on.

    \b
    Examples:
      scripts/cmsid backup --verify
      scripts/cmsid backup --verify --on embedded
      scripts/cmsid backup --directory /mnt/backups --purpose "before the new term"
    """
    from driver import profile
    from driver.backup.take import take_backup
    from driver.progress import Bars

    if on != "here" and not verify:
        raise click.UsageError("--on goes with --verify.")
    with Bars() as bars:
        taken = take_backup(
            profile.load(), directory=directory, jobs=jobs, verify=verify, on=on, purpose=purpose, progress=bars
        )
    click.echo(f"Backup {taken.backup_id}: {taken.manifest.extent}")
    click.echo(f"in {taken.folder}, by {taken.manifest.tools}.")
    if taken.verification:
        click.echo(f"Verified: restored and compared, {taken.verification.tables} tables identical.")
        if elsewhere := "; ".join(taken.verification.elsewhere):
            click.echo(f"{elsewhere[0].upper()}{elsewhere[1:]}.")
        for line in taken.verification.apart:
            click.echo(f"{line}.")
    else:
        click.echo("Not verified: take it with --verify to prove that it restores.")


@prepared_command()
@directory_option
@format_option
def backups(directory: Path | None, kind: str) -> None:
    """List the backups of the database: verified or not, and what each is for.

    \b
    Example:
      scripts/cmsid backups
    """
    from driver import profile
    from driver.backup import listing

    found = listing.look(profile.load(), directory)
    if kind == "json":
        print_json(found)
        return
    for line in found.lines():
        click.echo(line)


@prepared_command()
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


@prepared_command()
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
        click.echo("\n".join(journal.describe(connection, directory)))
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
