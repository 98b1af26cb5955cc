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
    from driver.backup import overview

    for line in overview.describe(profile.load(), directory):
        click.echo(line)
