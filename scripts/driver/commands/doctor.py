"""`cmsid doctor`."""

from __future__ import annotations

from typing import Literal

import click

from driver.options import format_option, print_json


@click.command()
@click.option(
    "--mode",
    type=click.Choice(["window", "online"]),
    help="The mode that must not be blocked; default: the project's own.",
)
@format_option
def doctor(mode: Literal["window", "online"] | None, kind: str) -> int:
    """Look for all that would stand in a migration's way, and estimate what it takes. Changes nothing.

    Everything is asked in one read-only transaction. What blocks a mode here is what `add_cms_id` refuses, in the same words.

    \b
    Examples:
      scripts/cmsid doctor
      scripts/cmsid doctor --mode online

    Exit code: 0 if nothing blocks the mode, else 1.
    """
    from driver import profile
    from driver.dbt_project import DbtProject
    from driver.doctor import examine

    connection = profile.load()
    project = DbtProject(profiles_dir=connection.profiles_dir, target=connection.target or None)
    diagnosis = examine(connection, project, mode)
    if kind == "json":
        print_json(diagnosis)
    else:
        from rich.console import Console

        from driver.doctor_in_terminal import print_diagnosis

        print_diagnosis(Console(highlight=False), diagnosis)
    return 0 if diagnosis.ready else 1
