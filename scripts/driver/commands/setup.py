"""`cmsid setup`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--packages-from",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Install the dbt packages from checkouts in this folder (each found by the name in its dbt_project.yml).",
)
def setup(packages_from: Path | None) -> None:
    """Set up what dbt needs here: its packages and a profile.

    Every other command does this by itself when it is needed. Call it to fetch everything ahead of the day, to try the
    package hub again, or to install the packages from a folder. The packages come from dbt's hub; where it cannot be
    reached, the project's own offline_packages/ take their place. Nothing is ever written over an existing profile.

    \b
    Examples:
      scripts/cmsid setup
      scripts/cmsid setup --packages-from ~/dbt-packages
    """
    from driver import packages, profile

    source = packages.install(packages_from, refresh=True)
    click.echo(f"Packages: from {source}.")
    note = " (new, from profiles.example.yml)" if profile.write_profile() else ""
    connection = profile.load()
    click.echo(f"Profile:  {connection.profiles_dir / profile.FILE}{note}.")
    click.echo(f"Database: {connection.describe()}. `scripts/cmsid doctor` says whether all is well there.")
