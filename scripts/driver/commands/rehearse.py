"""`cmsid rehearse`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from driver.options import as_given, directory_option, format_option, print_json


@click.command()
@click.argument("backup", required=False)
@click.option(
    "--mode",
    type=click.Choice(["window", "online", "both"]),
    help="As in `cmsid run`; both: each from the same baseline. Default: the project's own.",
)
@click.option(
    "--on",
    default="embedded",
    show_default=True,
    metavar="embedded|here|SERVICE",
    help="A temporary server of this machine, the live one (needs createdb), or an entry of your pg_service.conf.",
)
@directory_option
@format_option
@click.pass_context
def rehearse(
    context: click.Context,
    *,
    backup: str | None,
    mode: Literal["window", "online", "both"] | None,
    on: str,
    directory: Path | None,
    kind: str,
) -> int:
    """Migrate a copy first: do what a run does, and an undo, on what BACKUP (default: the newest) is restored into.

    The live database is only read: where there is no backup, one is taken that it does not list. The copy is worked on
    by a role like the live one: name, attributes, memberships, settings. What it took, seconds, WAL, files, is kept
    beside the backup; `doctor` and `run` say it from then on in place of their estimate. The copy is dropped.

    \b
    Examples:
      scripts/cmsid rehearse
      scripts/cmsid rehearse --mode both
      scripts/cmsid rehearse --on here --mode online

    Exit code: 0 if it passed, else 1.
    """
    from rich.console import Console

    from driver import profile
    from driver import rehearse as work

    wanted = work.Wanted(backup, mode, on, directory, as_given(context))
    found = work.rehearse(profile.load(), wanted, Console(stderr=kind == "json", highlight=False))
    if kind == "json":
        print_json(found)
    else:
        work.print_rehearsal(Console(highlight=False), found)
    return 0 if found.verdict == "passed" else 1
