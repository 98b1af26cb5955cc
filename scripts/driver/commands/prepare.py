"""`cmsid demo`, `setup`, `configure`, `doctor` and `rehearse`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from driver.options import (
    Number,
    as_given,
    directory_option,
    format_option,
    prepared_command,
    print_json,
    show_changes,
)


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


@prepared_command()
@click.option("--schema", "schemas", multiple=True, metavar="S", help="Look in this schema only; may be given again.")
@click.option("--tables", metavar="A,B,C", default="", help="These tables, by name or schema.name.")
@click.option(
    "--all-with-integer-id", is_flag=True, help="Every table with an integer primary key, as without --tables."
)
@click.option("--write", is_flag=True, help="Write the files; otherwise what would be written is shown as a diff.")
def configure(schemas: tuple[str, ...], tables: str, *, all_with_integer_id: bool, write: bool) -> None:
    """Make tables of the database core tables of the dbt project: sources, origin views and vars.

    Looks at the database and only adds to the project's files. A table that the project has already stays as it is
    written there, and a second --write changes nothing.

    \b
    Examples:
      scripts/cmsid configure
      scripts/cmsid --project-dir ~/campus configure --schema sales --tables orders,customers --write
    """
    from driver import profile
    from driver.bootstrap import project
    from driver.configure import configure as look

    if tables and all_with_integer_id:
        raise click.UsageError("--tables and --all-with-integer-id do not go together")
    names = [name.strip() for name in tables.split(",") if name.strip()]
    changes = look(profile.load(), schemas, names)
    if not changes:
        click.echo("Nothing to change: the project has these tables.")
    elif not write:
        show_changes(changes, project())
        click.echo("\nNothing is written: `--write` does that.")
    else:
        for change in changes:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            change.path.write_bytes(change.after)
            click.echo(f"written: {change.path.relative_to(project())}")


@prepared_command()
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
    from driver.doctor import examine, print_diagnosis

    connection = profile.load()
    project = DbtProject(profiles_dir=connection.profiles_dir, target=connection.target or None)
    diagnosis = examine(connection, project, mode)
    if kind == "json":
        print_json(diagnosis)
    else:
        from rich.console import Console

        print_diagnosis(Console(highlight=False), diagnosis)
    return 0 if diagnosis.ready else 1


@prepared_command()
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
