"""`cmsid backups`."""

from __future__ import annotations

from pathlib import Path

import click

from driver.options import directory_option, format_option, print_json


@click.command()
@directory_option
@format_option
def backups(directory: Path | None, kind: str) -> None:
    """List the backups of the database: verified or not, and what each is for.

    \b
    Example:
      scripts/cmsid backups
    """
    from driver import profile
    from driver.backup import overview

    found = overview.look(profile.load(), directory)
    if kind == "json":
        print_json(found)
        return
    for line in found.lines():
        click.echo(line)
