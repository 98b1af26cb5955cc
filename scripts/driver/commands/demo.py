"""`cmsid demo`."""

from __future__ import annotations

from typing import Literal

import click

from driver.options import Number


@click.command()
@click.option(
    "--scale",
    type=Number(0, 250, min_open=True),
    default=1.0,
    show_default=True,
    metavar="F",
    help="Size of the sample registry, 250 at most; 1 is the live registry's size.",
)
@click.option("--keep", is_flag=True, help="Leave the server running, and say how to use and to stop it.")
@click.option(
    "--major", type=click.Choice(["16", "18"]), default="18", show_default=True, help="PostgreSQL's major version."
)
@click.option("--mode", type=click.Choice(["window", "online"]), help="As in `cmsid run`.")
def demo(scale: float, major: str, mode: Literal["window", "online"] | None, *, keep: bool) -> int:
    """See the whole job done, on a PostgreSQL server and a sample registry of its own.

    Starts a server, loads the registry, runs the procedure as an ordinary role, and shows the checklist and where the
    report is. Nothing else is needed, and nothing is left running.

    \b
    Examples:
      scripts/cmsid demo --scale 0.02
      scripts/cmsid demo --keep
    """
    from driver.demo import demonstrate
    from driver.run import Options

    return demonstrate(scale, Options(command="demo", mode=mode), keep=keep, major=int(major))
