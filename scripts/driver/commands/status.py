"""`cmsid status`."""

from __future__ import annotations

import click


@click.command()
def status() -> None:
    """Say where the migration stands, which backup there is, and what the last validation found.

    Changes nothing, and works at any time: before, after, half-way, and after an interruption.

    \b
    Example:
      scripts/cmsid status
    """
    from driver import profile
    from driver.status import status as describe

    for line in describe(profile.load()):
        click.echo(line)
