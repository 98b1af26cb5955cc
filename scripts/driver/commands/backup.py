"""`cmsid backup`."""

from __future__ import annotations

from pathlib import Path

import click

from driver.options import directory_option, jobs_option


@click.command()
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
