"""`cmsid status`."""

from __future__ import annotations

import shutil
import sys

import click

from driver.options import format_option, print_json


@click.command()
@format_option
def status(kind: str) -> None:
    """Say what goes on and how far, which backup there is, what the last validation found, and what to do next.

    Of an online migration it says at what rate and until when, whether it pauses and for which reasons, and who waits.
    Changes nothing, and works at any time: before, after, half-way, and after an interruption. Where the database cannot
    be asked, it says what is known without it.

    \b
    Examples:
      scripts/cmsid status
      scripts/cmsid status --format json

    Exit code: 0, or 1 where the database could not be asked.
    """
    from driver import profile
    from driver.errors import Problem
    from driver.status import status as look

    found = look(profile.load())
    if kind == "json":
        print_json(found)
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        click.echo("\n".join(found.lines(width)))
    if found.problem:
        raise Problem(found.problem)
