"""`cmsid status`."""

from __future__ import annotations

import shutil
import sys

import click

from driver.options import Number, print_json


@click.command()
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "json", "prometheus", "nagios"]),
    default="text",
    show_default=True,
    help="What to print: for people, for programs, as metrics, or as a Nagios plugin's line.",
)
@click.option(
    "--backup-age",
    type=Number(0),
    metavar="HOURS",
    default=0,
    help="nagios: how old the last verified backup may be; default any age.",
)
@click.option(
    "--validation-age",
    type=Number(0),
    metavar="HOURS",
    default=36,
    show_default=True,
    help="nagios: how old the last ongoing validation may be, once the migration is done; 0 for any age.",
)
def status(kind: str, backup_age: float, validation_age: float) -> int:
    """Say what goes on and how far, which backup there is, what the last validation found, and what to do next.

    Of an online migration it says at what rate and until when, whether it pauses and for which reasons, and who waits.
    Changes nothing, and works at any time: before, after, half-way, and after an interruption. Where the database cannot
    be asked, it says what is known without it.

    \b
    Examples:
      scripts/cmsid status
      scripts/cmsid status --format json
      scripts/cmsid status --format nagios --backup-age 24

    Exit code: 0, or 1 where the database could not be asked. Of metrics 0, since they say that; of the plugin 0 to 3.
    """
    from driver import profile
    from driver.errors import Problem, why
    from driver.packages import prepare
    from driver.status import status as look

    if kind == "nagios":
        from driver import monitoring

        try:
            prepare()
            line, code = monitoring.nagios(look(profile.load()), backup_age=backup_age, validation_age=validation_age)
        except Exception as error:  # noqa: BLE001 - a plugin that cannot look says so
            line, code = f"CMSID UNKNOWN: {' '.join(why(error).split())}", monitoring.UNKNOWN
        click.echo(line)
        return code
    prepare()
    found = look(profile.load())
    if kind == "prometheus":
        from driver.monitoring import prometheus

        click.echo(prometheus(found).encode(), nl=False)
        return 0
    if kind == "json":
        print_json(found)
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        click.echo("\n".join(found.lines(width)))
    if found.problem:
        raise Problem(found.problem)
    return 0
