"""`cmsid export`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--phase", type=click.Choice(["pre", "post"]), required=True, help="Before or after the migration.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where to; default backup_db/pre_migration_cms_id or backup_db/post_migration_cms_id.",
)
def export(phase: str, directory: Path | None) -> None:
    """Write the CSV files of the procedure: row counts, chains, ids, aggregates.

    Whole tables, all files from one moment. Equal data gives equal bytes, whatever the server's settings are. The files
    hold student numbers; only you can read them.

    \b
    Examples:
      scripts/cmsid export --phase pre
      scripts/cmsid export --phase post && scripts/cmsid diff
    """
    from time import perf_counter

    from rich.console import Console

    from driver import profile
    from driver.dbt_project import DbtProject
    from driver.export import default_folder
    from driver.export import export as write
    from driver.progress import Stages
    from driver.wording import size

    connection = profile.load()
    folder = directory or default_folder(phase)
    project = DbtProject(profiles_dir=connection.profiles_dir, target=connection.target)
    stages, began = Stages(Console(highlight=False)), perf_counter()
    with stages.running("export") as progress:
        manifest = write(connection, project, phase, folder, progress.update)
    rows = sum(file.rows for file in manifest.files)
    written = size(sum(file.size for file in manifest.files))
    stages.finished("export", "done", perf_counter() - began, f"{len(manifest.files)} files, {rows:,} rows, {written}")
    click.echo(f"In {folder}, of the moment {manifest.taken_at}.")
