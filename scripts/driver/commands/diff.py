"""`cmsid diff`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from driver.options import WholeNumber, format_option, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.diff import FileDifference


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
    from driver.diff import ExportDifference, moments
    from driver.diff import diff as compare
    from driver.export import default_folder

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
