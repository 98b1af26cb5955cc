"""`cmsid backups`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from driver.options import directory_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@directory_option
def backups(directory: Path | None) -> None:
    """List the backups of the database: verified or not, and what each is for.

    \b
    Example:
      scripts/cmsid backups
    """
    from driver import profile
    from driver.backup import overview, store

    connection = profile.load()
    lines = overview.lines(connection, directory)
    if not lines:
        folder = store.folder_of(connection, directory)
        click.echo(f"There is no backup of this database in {folder}: take one with `scripts/cmsid backup --verify`.")
    for line in lines:
        verdict = f"DAMAGED: {line.problem}" if line.problem else "verified" if line.verified_at else "not verified"
        unlisted = ", not listed in the database" if line.listed is False else ""
        click.echo(f"{line.backup_id}  {verdict}{unlisted}{f'  for: {line.purpose}' if line.purpose else ''}")
        if not line.problem:
            click.echo(f"    {line.tables} tables, {line.rows:,} rows, {line.bytes / 1e6:,.1f} MB")
    left = store.partial_folders(store.folder_of(connection, directory))
    if left:
        click.echo(f"Left over from interrupted work: {len(left)} folder(s); `scripts/cmsid prune` removes them.")
