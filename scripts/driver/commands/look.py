"""`cmsid export`, `diff`, `status` and `report`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from driver.options import Number, WholeNumber, format_option, prepared_command, print_json

if TYPE_CHECKING:
    from driver.export import FileDifference


@prepared_command()
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


@click.command()
@click.argument("before", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.argument("after", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option(
    "--limit",
    type=WholeNumber(0),
    metavar="N",
    default=20,
    show_default=True,
    help="Differing rows to show for each file.",
)
@format_option
def diff(before: Path | None, after: Path | None, limit: int, kind: str) -> int:
    """Compare the files exported before the migration with those exported after it.

    Says IDENTICAL for each pair, or how many rows differ in which column and what they have in common, and shows them, by
    key, with old and new values. A file that is missing
    on one side is a difference. BEFORE and AFTER are folders; the default is where `cmsid export` writes.

    \b
    Examples:
      scripts/cmsid diff
      scripts/cmsid diff backup_db/pre_migration_cms_id /tmp/export-of-today

    Exit code: 0 if every file is identical, else 1.
    """
    from driver.export import ExportDifference, default_folder, moments
    from driver.export import diff as compare

    folders = before or default_folder("pre"), after or default_folder("post")
    files = []
    for file in compare(*folders, limit):
        files.append(file)
        for line in _lines(file) if kind == "text" else ():
            click.echo(line)
    differing = sum(not file.identical for file in files)
    taken = moments(*folders)
    if kind == "json":
        command = "scripts/cmsid report --validate" if differing else None
        print_json(ExportDifference(str(folders[0]), str(folders[1]), taken, not differing, files, command))
    else:
        click.echo(f"{len(files) - differing} of {len(files)} files are identical. {taken}")
    return 1 if differing else 0


def _lines(file: FileDifference) -> Iterator[str]:
    if file.identical:
        yield f"{file.name:32} IDENTICAL  {file.rows:,} row{'s' * (file.rows != 1)}"
        return
    yield f"{file.name:32} DIFFERENT  {file.reason or f'{file.count:,} of {file.rows:,} rows'}"
    yield from (f"  {sentence}" for sentence in file.shared)
    yield from (f"    {row.sentence}" for row in file.differences)
    if file.count > len(file.differences):
        yield f"    … {file.count - len(file.differences):,} more"


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


@prepared_command()
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "html", "json", "junit", "terminal"]),
    default="text",
    show_default=True,
    help="What to print; terminal is what version 1.0.0 called text.",
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to a file instead."
)
@click.option("--validate", is_flag=True, help="Run the tests now; default: the last run's result, if there is one.")
@click.option(
    "--validation",
    type=click.Choice(["cutover", "ongoing"]),
    help="Run these tests now; default: those that fit, as for `run`.",
)
@click.option(
    "--with-values", is_flag=True, help="Run the tests now, and show values of failing rows, names and marks included."
)
def report(kind: str, output: Path | None, *, validate: bool, validation: str | None, with_values: bool) -> int:
    """Show the checklist, each line with its tests and their evidence.

    Every run leaves its report in reports/ as an HTML page, JSON (docs/report.schema.json) and JUnit XML. This prints
    the last one again, or makes a new one.

    \b
    Examples:
      scripts/cmsid report
      scripts/cmsid report --validate --format junit --output junit.xml
      scripts/cmsid report --validation ongoing    what must hold for ever; for every night

    A report of an earlier migration, or of before a restore, says so.

    Exit code: 0 if every line passed, and of what the database holds now; else 1.
    """
    from driver import profile
    from driver.report.show import show

    kind = "text" if kind == "terminal" else kind
    validate = validate or with_values or validation is not None
    return show(profile.load(), kind, output, validate=validate, validation=validation, with_values=with_values)
