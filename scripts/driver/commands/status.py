"""`cmsid status`."""

from __future__ import annotations

import click


@click.command()
def status() -> None:
    """Say where the migration stands, which backup there is, what the last validation found, and what to do next.

    Changes nothing, and works at any time: before, after, half-way, and after an interruption. Where the database cannot
    be asked, it says what is known without it.

    \b
    Example:
      scripts/cmsid status

    Exit code: 0, or 1 where the database could not be asked.
    """
    from driver import profile
    from driver.status import status as describe

    found = describe(profile.load())
    for line in found.lines:
        click.echo(line)
    if found.problem:
        raise found.problem
